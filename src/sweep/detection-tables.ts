/** The tables that a detection reads and writes. A backtest has its own copies. */
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
