import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { registerConnector } from '../../stack/connector.ts';
import { applyPlatformSchema } from '../../stack/platform.ts';
import { rolesSql } from '../../stack/roles.ts';
import { type RunningStack, startStack } from '../../stack/stack.ts';
import { differenceFromSources } from '../support/source-comparison.ts';

/** What the pods need: servers, source tables, and an administrator of the database. */
export interface Platform {
  readonly addresses: RunningStack['addresses'];
  readonly database: Database;
  /** Applies roles.sql, as an administrator does before the first `migrate` and after each one. */
  applyRoles(): Promise<void>;
  connect(): Promise<void>;
  /** Writes sessions of a growing number of learners until stopped. */
  startLoad(): { stop(): Promise<void> };
  /** Waits until last seen equals SQL over the sources. @returns the last comparison. */
  untilEqual(withinMs: number): Promise<{ readonly learners: bigint; readonly differing: bigint }>;
  count(table: string): Promise<number>;
  stop(): Promise<void>;
}

export async function startPlatform(report: (line: string) => void): Promise<Platform> {
  const stack = await startStack({
    onProgress: (part, state, detail) => {
      if (state !== 'starting') report(`${part} ${state}${detail === undefined ? '' : `: ${detail}`}`);
    },
  });
  const { addresses } = stack;
  await applyPlatformSchema(addresses.databaseUrl);
  const database = openDatabase({ url: addresses.databaseUrl, applicationName: 'pods' });
  return {
    addresses,
    database,
    applyRoles: async () => void (await database.query({ text: rolesSql() })),
    connect: () => registerConnector(addresses),
    startLoad: () => startLoad(database),
    async untilEqual(withinMs) {
      for (const deadline = Date.now() + withinMs; ; await sleep(150)) {
        const seen = await differenceFromSources(database);
        if ((seen.learners > 0n && seen.differing === 0n) || Date.now() > deadline) return seen;
      }
    },
    async count(table) {
      const { rows } = await database.query<{ n: bigint }>({ text: `SELECT count(*) AS n FROM ${table}` });
      return Number(rows[0]?.n ?? 0n);
    },
    async stop() {
      await database.close();
      await stack.stop();
    },
  };
}

/** A growing number of active learners, and 300 whose silence does not change. */
function startLoad(database: Database): { stop(): Promise<void> } {
  let isStopping = false;
  const loading = (async () => {
    for (let round = 0; !isStopping; round++) {
      await database.query({
        text: `
INSERT INTO session (id, user_id, started_at)
SELECT gen_random_uuid()::text, 'active-' || (n + 17 * ${round}) % (200 + ${round}), now() FROM generate_series(1, 90) n
UNION ALL
SELECT gen_random_uuid()::text, 'silent-' || learner, current_date - (8 + learner % 16) - ${round} * interval '1 second'
FROM (SELECT (n + 30 * ${round}) % 300 AS learner FROM generate_series(1, 30) n)`,
      });
      await sleep(100);
    }
  })();
  return {
    stop() {
      isStopping = true;
      return loading;
    },
  };
}
