/** The consumer groups if `KAFKA_GROUP_ID` is not set. */
export const TRACK_GROUP = 'lastseen-track';
export const RECOMPUTE_GROUP = 'lastseen-recompute';
