import type { Source } from '../activity/source.ts';
import { readableInstant } from '../cli/tables.ts';
import { NOT_PUBLISHED, type SourceCapture, uncaptured } from '../freshness/capture.ts';
import { type CaptureBreak, describeBreak } from '../freshness/capture-evidence.ts';
import type { ConnectorState } from '../freshness/connect-client.ts';
import { missingSlot } from '../freshness/judgement.ts';
import type { SlotState } from '../freshness/replication-store.ts';
import type { FreshnessReport, SourceReport } from '../freshness/report.ts';
import { type Finding, failed, ok, warning } from './checks.ts';
import { connectorSettings } from './connector-findings.ts';

const MAX_SLOT_LAG_BYTES = 256n * 1024n * 1024n;
const LOST_SLOT_HINT = 'see "The slot is lost" in docs/operations/backup-and-recovery.md';

export function slot(name: string, state: SlotState | undefined): Finding {
  if (state === undefined) return failed(missingSlot(name), 'register and start the connector, which creates it');
  const { active, walStatus, behindBytes, invalidationReason, failover, hasStandby } = state;
  const message = `slot ${name} is ${active ? 'active' : 'not active'}, ${behindBytes} bytes behind, WAL ${walStatus}`;
  if (walStatus === 'lost' || invalidationReason !== null) {
    const why = invalidationReason === null ? '' : ` (invalidation_reason ${invalidationReason})`;
    return failed(`${message}: changes are lost${why}`, LOST_SLOT_HINT);
  }
  if (!active)
    return failed(`${message}: no connector reads it, and Postgres keeps its WAL`, 'start or resume the connector');
  if (walStatus === 'unreserved') {
    return warning(`${message}: its WAL may soon be removed`, 'raise max_slot_wal_keep_size, and check the connector');
  }
  if (behindBytes > MAX_SLOT_LAG_BYTES)
    return warning(message, 'check that the connector has a heartbeat.action.query and keeps up');
  // Null before Postgres 17, in which no slot can have it.
  if (failover === false && hasStandby) {
    return warning(
      `${message}, failover=false: it is lost if the standby of this server is promoted`,
      'see "Failover" in docs/operations/backup-and-recovery.md',
    );
  }
  return ok(message);
}

export function publication(
  name: string,
  captures: ReadonlyMap<Source, SourceCapture>,
  enabled: readonly Source[],
): readonly Finding[] {
  return enabled.map((source) => sourceCaptured(name, source, captures.get(source) ?? NOT_PUBLISHED));
}

function sourceCaptured(publication: string, source: Source, capture: SourceCapture): Finding {
  const reasons = uncaptured(source, publication, capture);
  if (reasons.length > 0)
    return failed(reasons.join('; '), `${captureHint(publication, source, capture)}; ${SNAPSHOT}`);
  const own = capture.tables.length === 1 && capture.tables[0] === `public.${source}`;
  if (own) return ok(`publication ${publication} contains ${source}`);
  return ok(
    `publication ${publication} contains ${source} by its partitions: a router (ByLogicalTableRouter) must join their topics`,
  );
}

const SNAPSHOT = 'rows written before that need a new snapshot';

function captureHint(publication: string, source: Source, { tables, missingPartitions }: SourceCapture): string {
  const alter = `ALTER PUBLICATION ${publication}`;
  if (missingPartitions.length === 0) return `${alter} SET TABLE with all tables, without a row filter and column list`;
  if (tables.length > 0) return `${alter} ADD TABLE ${missingPartitions.join(', ')}`;
  const isPartitioned = missingPartitions.join() !== `public.${source}`;
  if (!isPartitioned) return `${alter} ADD TABLE ${source}`;
  return (
    `${alter} ADD TABLE ${source}, and either ${alter} SET (publish_via_partition_root = true), ` +
    'or join the topics of its partitions by a router'
  );
}

export function continuity(breaks: readonly CaptureBreak[]): readonly Finding[] {
  if (breaks.length === 0) return [ok('capture has been continuous since the last complete audit')];
  return breaks.map((each) =>
    failed(describeBreak(each), 'see "Capture was interrupted" in docs/operations/audit-and-replay.md'),
  );
}

export function connectors(
  all: readonly ConnectorState[],
  ours: { readonly topicPrefix: string; readonly slotName: string },
): readonly Finding[] {
  const found = all.filter((each) => each.topicPrefix === ours.topicPrefix || each.slotName === ours.slotName);
  if (found.length === 0) {
    return [
      failed(
        `none of ${all.length} connectors has topic.prefix ${ours.topicPrefix} or slot.name ${ours.slotName}`,
        'register the connector, or correct TOPIC_PREFIX and REPLICATION_SLOT',
      ),
    ];
  }
  return found.flatMap((connector) => [
    ...connectorSettings(connector),
    ...connector.parts.map(connectorPart),
    ...(connector.parts.length > 1
      ? []
      : [failed(`connector ${connector.name} has no task`, 'read the log of Kafka Connect')]),
  ]);
}

function connectorPart({ part, state, trace }: ConnectorState['parts'][number]): Finding {
  const message = `${part} is ${state}${trace === undefined ? '' : `: ${trace}`}`;
  switch (state) {
    case 'RUNNING':
      return ok(message);
    case 'FAILED':
      return failed(
        message,
        'fix the error it names, then POST /connectors/…/restart?includeTasks=true&onlyFailed=true',
      );
    case 'PAUSED':
    case 'STOPPED':
      return warning(message, 'resume it: PUT /connectors/…/resume');
    default:
      return warning(message, 'run `lastseen doctor` again in a moment');
  }
}

/** What a sweep would prove now. */
export function sourcesFresh({ sources }: FreshnessReport): readonly Finding[] {
  return sources.map(sourceFresh);
}

function sourceFresh({ source, topic, proof }: SourceReport): Finding {
  switch (proof.kind) {
    case 'proven':
      return ok(
        `${source}: all ${proof.records} records of ${topic} are applied, proven up to ${readableInstant(proof.until)}`,
      );
    case 'behind':
      return warning(
        `${source}: ${unproven(source, proof.missing)}`,
        `${NOT_FRESH}; \`lastseen fresh --wait 1m\` waits longer`,
      );
    case 'broken':
      return failed(`${source}: ${unproven(source, proof.missing)}`, NOT_FRESH);
  }
}

const NOT_FRESH = 'see "Not fresh" in docs/operations/sweeps.md';

/** Most reasons begin with the name of their source. */
function unproven(source: Source, missing: readonly string[]): string {
  const prefix = `${source}: `;
  return missing.map((reason) => (reason.startsWith(prefix) ? reason.slice(prefix.length) : reason)).join('; ');
}
