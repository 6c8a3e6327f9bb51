/** The tables a detection reads and writes: those in force, or those of a detection as if it had run on past days. */
export interface DetectionTables {
  readonly lastSeen: 'lastseen.user_last_seen' | 'lastseen.as_if_last_seen';
  readonly episode: 'lastseen.episode' | 'lastseen.as_if_episode';
  readonly outbox: 'lastseen.inactivity_outbox' | 'lastseen.as_if_outbox';
}

export const LIVE: DetectionTables = {
  lastSeen: 'lastseen.user_last_seen',
  episode: 'lastseen.episode',
  outbox: 'lastseen.inactivity_outbox',
};

export const AS_IF: DetectionTables = {
  lastSeen: 'lastseen.as_if_last_seen',
  episode: 'lastseen.as_if_episode',
  outbox: 'lastseen.as_if_outbox',
};
