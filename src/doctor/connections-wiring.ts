import { openKafka, withDatabase, withSlotDatabase, withSourceDatabase } from '../cli/connections.ts';
import type { CommandContext } from '../cli/run-command.ts';
import type { FreshnessDeps } from '../freshness/pipeline.ts';
import { freshnessDeps } from '../freshness/wiring.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import type { Database } from '../postgres/database.ts';
import { adviceFor, type Server } from '../preflight/advice.ts';
import type { Finding } from '../preflight/finding.ts';
import type { Check } from './checks.ts';

/** What checks read from. */
export interface Connections {
  readonly context: CommandContext;
  readonly database: Database;
  readonly slotDatabase: Database;
  readonly source: Database;
  readonly kafka: KafkaClient;
  readonly view: FreshnessDeps;
}

/** Opens the configured servers, and closes them after `work`. */
export function withConnections<T>(
  context: CommandContext,
  work: (connections: Connections) => Promise<T>,
): Promise<T> {
  // One retry instead of many: a person waits for the answer.
  const kafka = openKafka(context, 1);
  return withDatabase(context, (database) =>
    withSlotDatabase(context, database, (slotDatabase) =>
      withSourceDatabase(context, (source) => {
        const view = freshnessDeps(context, { database, slotDatabase }, kafka);
        return work({ context, database, slotDatabase, source, kafka, view });
      }),
    ),
  );
}

type CheckRun = () => Promise<readonly Finding[] | Finding>;

/**
 * @param needs checks that must be ok
 * @param server whose errors the check may meet
 * @param after checks whose failure would show here as well
 */
export function check(
  name: string,
  needs: readonly string[],
  server: Server,
  run: CheckRun,
  after: readonly string[] = [],
): Check {
  return { name, needs, after, advise: (error) => adviceFor(error, server), run: async () => [await run()].flat() };
}
