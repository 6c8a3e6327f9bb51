/** The tables that a sweep reads and writes. A backtest has copies of its own. */
export interface DetectionTables {
  readonly lastSeen: `lastseen.${string}`;
  readonly episode: `lastseen.${string}`;
  readonly outbox: `lastseen.${string}`;
  /** Learners with open letters are left out; absent: none are. */
  readonly letters?: `lastseen.${string}`;
  /** Only these learners may cross, and only if they were not seen since; absent: all may. */
  readonly candidates?: `lastseen.${string}`;
}

export const LIVE: DetectionTables = {
  lastSeen: 'lastseen.user_last_seen',
  episode: 'lastseen.episode',
  outbox: 'lastseen.inactivity_outbox',
  letters: 'lastseen.dead_letter',
};

/** After the candidates were looked up in the source tables. */
export const VERIFIED: DetectionTables = { ...LIVE, candidates: 'lastseen.sweep_candidate' };
