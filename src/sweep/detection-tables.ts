/** The tables that a sweep reads and writes. A backtest has copies of its own. */
export interface DetectionTables {
  readonly lastSeen: `lastseen.${string}`;
  readonly episode: `lastseen.${string}`;
  readonly outbox: `lastseen.${string}`;
}

export const LIVE: DetectionTables = {
  lastSeen: 'lastseen.user_last_seen',
  episode: 'lastseen.episode',
  outbox: 'lastseen.inactivity_outbox',
};
