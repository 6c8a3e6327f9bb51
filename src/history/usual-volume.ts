import { dateOf, type Instant, MICROS_PER_DAY } from '../activity/instant.ts';

/** The sum of the end offsets of a source's topic at an instant. */
export interface SourceVolume {
  readonly at: Instant;
  readonly records: bigint;
}

const MAX_DAYS = 14n;
/** Fewer days do not show what is usual. */
const MIN_DAYS = 7;
const MIN_PER_DAY = 20;
/** A sweep repeated on the same morning is compared with the day before's: no records are expected in between. */
const MIN_SILENCE_US = (20n * MICROS_PER_DAY) / 24n;

/**
 * The usual number of records per day (the median of the last 14 days) of a source that has had none since the last
 * completed sweep that is at least 20 hours old. Undefined if it had some, if the usual number is at most 20, or if fewer
 * than 7 days are known.
 *
 * @param history one entry per completed sweep, in any order.
 */
export function usualPerDayIfQuiet(history: readonly SourceVolume[], now: SourceVolume): number | undefined {
  const known = history
    .filter(({ at }) => at > now.at - (MAX_DAYS + 1n) * MICROS_PER_DAY && at <= now.at)
    .sort((a, b) => (a.at < b.at ? -1 : 1));
  const last = known.findLast(({ at }) => at <= now.at - MIN_SILENCE_US);
  if (last === undefined || last.records !== now.records) return undefined;
  const days = recordsPerDay(known.filter(({ at }) => at <= last.at));
  const usual = days.length < MIN_DAYS ? undefined : median(days);
  return usual !== undefined && usual > MIN_PER_DAY ? usual : undefined;
}

/** Records per day between the last sweeps of consecutive dates, without pairs between which the topic was recreated. */
function recordsPerDay(known: readonly SourceVolume[]): number[] {
  const lastOfDate = [...new Map(known.map((volume) => [dateOf(volume.at), volume])).values()];
  return lastOfDate.slice(1).flatMap((volume, index) => {
    const before = lastOfDate[index];
    if (before === undefined || volume.records < before.records) return [];
    return [(Number(volume.records - before.records) * Number(MICROS_PER_DAY)) / Number(volume.at - before.at)];
  });
}

/** Undefined for an empty list. */
export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  const upper = sorted[Math.floor(sorted.length / 2)];
  return lower === undefined || upper === undefined ? undefined : (lower + upper) / 2;
}
