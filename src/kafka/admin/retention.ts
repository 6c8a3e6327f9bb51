import { must } from '../../runtime/must.ts';

/** How long a topic keeps a record. */
export type Retention =
  /** At most this long. */
  | { readonly kind: 'time'; readonly atMostMs: number }
  /** Without a limit in time; `retention.bytes` may still delete it. */
  | { readonly kind: 'forever' }
  /** Until a newer record or a tombstone with the same key. */
  | { readonly kind: 'compacted' };

/** The broker's defaults: `log.retention.check.interval.ms` (5 min) plus `log.segment.delete.delay.ms` (1 min). */
const DELETED_WITHIN_MS = 6 * 60_000;

/**
 * The retention that a topic's settings mean. A segment is deleted as a whole, when its newest record is old enough,
 * and is written to for at most `segment.ms`.
 */
export function retentionOf(config: ReadonlyMap<string, string>): Retention {
  const policies = setting(config, 'cleanup.policy')
    .split(',')
    .map((policy) => policy.trim());
  if (!policies.includes('delete')) return { kind: 'compacted' };
  const keptMs = Number(setting(config, 'retention.ms'));
  if (keptMs < 0) return { kind: 'forever' };
  return { kind: 'time', atMostMs: keptMs + Number(setting(config, 'segment.ms')) + DELETED_WITHIN_MS };
}

function setting(config: ReadonlyMap<string, string>, name: string): string {
  return must(config.get(name), `brokers return ${name} of every topic`);
}
