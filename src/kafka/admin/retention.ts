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
 * The retention that a topic's settings mean. A segment is deleted as a whole, when its newest record is old enough, and
 * is written to for at most `segment.ms`.
 */
export function retentionOf(config: ReadonlyMap<string, string>): Retention {
  const policies = (config.get('cleanup.policy') ?? 'delete').split(',').map((policy) => policy.trim());
  if (!policies.includes('delete')) return { kind: 'compacted' };
  const keptMs = Number(config.get('retention.ms') ?? -1);
  if (keptMs < 0) return { kind: 'forever' };
  return { kind: 'time', atMostMs: keptMs + Number(config.get('segment.ms') ?? 0) + DELETED_WITHIN_MS };
}
