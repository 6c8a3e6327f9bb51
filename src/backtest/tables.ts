import type { DetectionTables } from '../sweep/detection-tables.ts';

/** Copies of the live tables, with the names that release 0.1 gave them. */
export const BACKTEST_TABLES: DetectionTables = {
  lastSeen: 'lastseen.as_if_last_seen',
  episode: 'lastseen.as_if_episode',
  outbox: 'lastseen.as_if_outbox',
};
