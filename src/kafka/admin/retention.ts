/** How long a topic keeps a record. */
export type Retention =
  /** Deleted at the latest so long after it was written. */
  | { readonly kind: 'time'; readonly atMostMs: number }
  /** Until its topic outgrows `retention.bytes`, if ever. */
  | { readonly kind: 'forever' }
  /** Until a newer record, or a tombstone, of the same key. */
  | { readonly kind: 'compacted' };

/** Brokers look every five minutes for what is to be deleted (`log.retention.check.interval.ms`), then wait one more. */
const DELETED_WITHIN_MS = 6 * 60_000;

/**
 * What a topic's settings say. A segment is deleted whole, when its newest record is old enough; it is written to for at
 * most `segment.ms`.
 */
export function retentionOf(config: ReadonlyMap<string, string>): Retention {
  const policies = (config.get('cleanup.policy') ?? 'delete').split(',').map((policy) => policy.trim());
  if (!policies.includes('delete')) return { kind: 'compacted' };
  const keptMs = Number(config.get('retention.ms') ?? -1);
  if (keptMs < 0) return { kind: 'forever' };
  return { kind: 'time', atMostMs: keptMs + Number(config.get('segment.ms') ?? 0) + DELETED_WITHIN_MS };
}
