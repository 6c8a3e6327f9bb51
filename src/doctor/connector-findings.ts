import { type Instant, MICROS_PER_SECOND } from '../activity/instant.ts';
import type { ConnectorState } from '../freshness/connect-client.ts';
import type { CommittedOffset } from '../freshness/connect-offset.ts';
import { type Finding, ok, warning } from './checks.ts';

/** Settings without which a slot does not move, or only while the source is written to. */
export function connectorSettings({ name, hasHeartbeat, confirmsToSlot }: ConnectorState): readonly Finding[] {
  return [
    ...(hasHeartbeat
      ? []
      : [
          warning(
            `connector ${name} has no heartbeat.action.query with heartbeat.interval.ms: while the source is idle, its slot does not move, and no sweep is fresh`,
            'set both as in stack/connector.json',
          ),
        ]),
    ...(confirmsToSlot
      ? []
      : [
          warning(
            `connector ${name} does not confirm positions to its slot, which does not move`,
            'set lsn.flush.mode=connector; leave out flush.lsn.source',
          ),
        ]),
  ];
}

/** The heartbeat is a transaction per second, and Connect commits offsets once per minute by default. */
const MAX_OFFSET_AGE_US = 300n * MICROS_PER_SECOND;

export function committedOffset(
  { connector, state, isSnapshot, lsn, newestAt }: CommittedOffset,
  now: Instant,
): Finding {
  if (state === 'STOPPED') {
    return warning(
      `connector ${connector} is STOPPED: its offset can be changed`,
      'resume it, and run `lastseen audit --repair` if its offset was changed',
    );
  }
  if (isSnapshot || lsn === undefined) {
    return warning(
      `connector ${connector} has not committed the offset of a transaction${isSnapshot ? ': its snapshot is not complete' : ''}`,
      'wait until its snapshot is complete',
    );
  }
  if (newestAt === undefined) return ok(`connector ${connector} has committed an offset`);
  const seconds = (now - newestAt) / MICROS_PER_SECOND;
  const message = `the newest transaction that connector ${connector} has delivered was committed ${seconds} s ago`;
  if (now - newestAt <= MAX_OFFSET_AGE_US) return ok(message);
  return warning(
    `${message}: it does not move`,
    'check its state, that it has a heartbeat.action.query, and that it keeps up',
  );
}
