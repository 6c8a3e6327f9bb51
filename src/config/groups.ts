/** The consumer groups, where `KAFKA_GROUP_ID` says no other. */
export const TRACK_GROUP = 'lastseen-track';
export const RECOMPUTE_GROUP = 'lastseen-recompute';
