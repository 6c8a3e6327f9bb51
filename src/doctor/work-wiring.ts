import { sourceTopics } from '../config/kafka-names.ts';
import { countRedriven } from '../dead-letters/redriven-store.ts';
import { readOutboxState } from '../events/outbox-store.ts';
import { INACTIVITY_OUTBOX, KPI_UPDATED_OUTBOX } from '../events/outboxes.ts';
import { listAudits } from '../history/audit-runs-store.ts';
import { readOwnTableSizes, readRetention } from '../history/retention-store.ts';
import { listRuns } from '../history/sweep-runs-store.ts';
import { topicBounds } from '../kafka/admin/offsets.ts';
import { readTopicSettings } from '../kafka/admin/topic-settings.ts';
import { openGaps } from '../last-seen/gaps-store.ts';
import { countOpenLetters } from '../last-seen/letters-store.ts';
import type { Database } from '../postgres/database.ts';
import { type Finding, skipped } from '../preflight/finding.ts';
import type { Check } from './checks.ts';
import { type Connections, check } from './connections-wiring.ts';
import { retention } from './retention-findings.ts';
import * as work from './work-findings.ts';

/** Checks of the work of lastseen itself. */
export function workChecks(connections: Connections): readonly Check[] {
  const { context, database } = connections;
  const { settings, now } = context;
  const topics = [...sourceTopics(settings).keys()];
  const ofOwnTables = (name: string, run: () => Promise<readonly Finding[] | Finding>) =>
    check(name, ['own tables'], 'DATABASE_URL', run);
  return [
    check('thresholds', [], 'DATABASE_URL', async () => work.thresholds(settings)),
    ofOwnTables('gaps', async () => work.gaps(await openGaps(database, topics))),
    ofOwnTables('open letters', async () =>
      work.openLetters(await countOpenLetters(database, topics), settings.DLQ_UNREADABLE_MAX),
    ),
    check('dead letters', ['own tables', 'brokers'], 'kafka', () => recomputeLetters(connections)),
    ofOwnTables('outboxes', () => outboxFindings(database)),
    ofOwnTables('last sweep', async () => work.lastSweep((await listRuns(database, 1))[0], now())),
    ofOwnTables('last audit', async () => work.lastAudit((await listAudits(database, 1))[0], now())),
    ofOwnTables('retention', async () =>
      retention(await readRetention(database), await readOwnTableSizes(database), now()),
    ),
  ];
}

/** Letters stay in the topic after they were sent back. */
async function recomputeLetters({ context: { settings }, database, kafka }: Connections): Promise<Finding> {
  const topic = settings.RECOMPUTE_DLQ_TOPIC;
  if ((await readTopicSettings(kafka, [topic])).length === 0) return skipped(`there is no topic ${topic}`);
  const bounds = await topicBounds(kafka, [topic]);
  const kept = bounds.reduce((sum, { firstOffset, endOffset }) => sum + endOffset - firstOffset, 0n);
  return work.recomputeLetters(topic, kept, await countRedriven(database, bounds));
}

function outboxFindings(database: Database): Promise<Finding[]> {
  const outboxes = [INACTIVITY_OUTBOX, KPI_UPDATED_OUTBOX];
  return Promise.all(outboxes.map(async (outbox) => work.outbox(outbox.name, await readOutboxState(database, outbox))));
}
