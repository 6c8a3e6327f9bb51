import type { Source } from '../activity/source.ts';
import {
  type Freshness,
  freshness,
  missingSlot,
  type Observation,
  type SourceObservation,
} from '../freshness/judgement.ts';
import type { SlotState } from '../freshness/replication-store.ts';
import type { ConnectorState } from './connect-client.ts';
import { type Finding, failed, ok, warning } from './examine.ts';

const FAR_BEHIND_BYTES = 256n * 1024n * 1024n;
const SNAPSHOT = 'see "The slot is lost" in docs/operations/backup-and-recovery.md';

export function slot(name: string, state: SlotState | undefined): Finding {
  if (state === undefined) return failed(missingSlot(name), 'is the connector registered, and has it ever run?');
  const { active, walStatus, behindBytes } = state;
  const says = `slot ${name} is ${active ? 'active' : 'not active'}, ${behindBytes} bytes behind, WAL ${walStatus}`;
  if (walStatus === 'lost') return failed(`${says}: it has lost changes`, SNAPSHOT);
  if (!active) return failed(`${says}: nobody reads it, and Postgres keeps its WAL`, 'start or resume the connector');
  if (walStatus === 'unreserved') {
    return warning(`${says}: it is about to lose changes`, 'raise max_slot_wal_keep_size, and look at the connector');
  }
  if (behindBytes > FAR_BEHIND_BYTES)
    return warning(says, 'has the connector a heartbeat.action.query, does it keep up?');
  return ok(says);
}

export function publication(name: string, published: ReadonlySet<Source>, enabled: readonly Source[]): Finding {
  const missing = enabled.filter((source) => !published.has(source));
  if (missing.length === 0) return ok(`publication ${name} holds ${enabled.join(', ')}`);
  return failed(
    `publication ${name} does not hold ${missing.join(', ')}`,
    `ALTER PUBLICATION ${name} ADD TABLE ${missing.join(', ')}; what was written meanwhile needs a new snapshot`,
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
        `no connector with topic.prefix ${ours.topicPrefix} or slot.name ${ours.slotName}, among ${all.length}`,
        'register it, or mend TOPIC_PREFIX and REPLICATION_SLOT',
      ),
    ];
  }
  return found.flatMap(({ name, parts }) => [
    ...parts.map(partOfConnector),
    ...(parts.length > 1 ? [] : [failed(`connector ${name} has no task`, 'look at the log of Kafka Connect')]),
  ]);
}

function partOfConnector({ part, state, trace }: ConnectorState['parts'][number]): Finding {
  const says = `${part} is ${state}${trace === undefined ? '' : `: ${trace}`}`;
  switch (state) {
    case 'RUNNING':
      return ok(says);
    case 'FAILED':
      return failed(says, 'mend what it names, then POST /connectors/…/restart?includeTasks=true&onlyFailed=true');
    case 'PAUSED':
    case 'STOPPED':
      return warning(says, 'PUT /connectors/…/resume');
    default:
      return warning(says, 'look again in a moment');
  }
}

/**
 * The way from each source's topic to the table, as a sweep would judge it now. That the slot has passed a position takes
 * time; how far it is stands in a finding of its own.
 */
export function sourcesFresh(observed: Observation): readonly Finding[] {
  const slot = { name: observed.slot.name, kind: 'past' } as const;
  return observed.sources.map((source) => sourceFresh(source, freshness({ ...observed, slot, sources: [source] })));
}

function sourceFresh({ source, topic }: SourceObservation, verdict: Freshness): Finding {
  switch (verdict.kind) {
    case 'fresh':
      return ok(`${source}: all ${verdict.ends.get(source)} records of ${topic} are applied`);
    case 'behind':
      return warning(verdict.reasons.join('; '), 'is `lastseen track` running, is it keeping up?');
    case 'broken':
      return failed(verdict.reasons.join('; '), 'see "Not fresh" in docs/operations/sweeps.md');
  }
}
