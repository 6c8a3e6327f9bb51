import { dateOf, type Instant, MICROS_PER_DAY } from '../activity/instant.ts';
import { readableBytes, readableInstant } from '../cli/tables.ts';
import type { OwnTableSize, Retention } from '../history/retention-store.ts';
import { type Finding, ok, warning } from '../preflight/finding.ts';

/** Two weeks, and a day for a run that is late. */
const MAX_PRUNE_AGE_US = 15n * MICROS_PER_DAY;

export function retention(
  { floor, prunedAt, createdAt }: Retention,
  sizes: readonly OwnTableSize[],
  now: Instant,
): Finding {
  const bytes = sizes.reduce((sum, size) => sum + size.bytes, 0);
  const message = [
    `own tables have ${readableBytes(bytes)}`,
    prunedAt === null ? 'never pruned' : `last pruned ${readableInstant(prunedAt)}`,
    floor === null ? 'no week is pruned' : `weeks before ${dateOf(floor)} are pruned`,
  ].join(', ');
  if (now - (prunedAt ?? createdAt) <= MAX_PRUNE_AGE_US) return ok(message);
  return warning(`${message}: they grow`, {
    hint: 'check that the CronJob lastseen-prune exists, or run `lastseen prune`',
    page: 'docs/runbooks/LastseenNotPruned.md',
    remedy: { command: 'lastseen prune' },
  });
}
