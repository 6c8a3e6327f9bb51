import { MICROS_PER_DAY } from '../../src/activity/instant.ts';
import { placeEvent } from '../../stack/demo/event-time.ts';
import { fields, readStarts, startOf } from '../../stack/demo/oulad.ts';
import { createRandom } from '../../stack/random.ts';
import { userIdOf } from './learners.ts';

/** Activities in the order of their records. */
export interface ActivityStream {
  readonly userIds: readonly string[];
  /** Record `n`: the learner's index, the instant and its commit, in microseconds since the epoch. Call it in order. */
  next(n: number): { readonly learner: number; readonly at: bigint; readonly committedAt: bigint };
}

const FIRST_COMMIT_US = 1_771_142_400_000_000n;
const MONTH_US = 30 * Number(MICROS_PER_DAY);
const LATE_US = 300_000_000;

/** A month of records of uniformly drawn learners, the worst case for folding. Instants are up to 5 minutes out of order. */
export function uniformActivity(records: number, learners: number): ActivityStream {
  const draw = createRandom('learners and delays');
  return {
    userIds: Array.from({ length: learners }, (_, learner) => userIdOf(learner)),
    next(n) {
      const learner = Math.floor(draw() * learners);
      const committedAt = FIRST_COMMIT_US + BigInt(Math.floor((n * MONTH_US) / records));
      return { learner, at: committedAt - BigInt(Math.floor(draw() * LATE_US)), committedAt };
    },
  };
}

/**
 * All activity of the OULAD files in order of time. Some learners are much more active than others, activity is
 * concentrated on some days, and ids are not UUIDs.
 */
export async function ouladActivity(folder: string): Promise<ActivityStream & { readonly records: number }> {
  const starts = await readStarts(folder);
  const userIds: string[] = [];
  const enrolments = new Map<string, { readonly number: number; readonly userId: string; readonly start: bigint }>();
  for await (const [learner = '', userId = '', , module = '', presentation = ''] of fields(folder, 'learners.csv.gz')) {
    enrolments.set(learner, { number: userIds.length, userId, start: startOf(starts, module, presentation) });
    userIds.push(userId);
  }
  const done: { readonly learner: number; readonly at: bigint }[] = [];
  for await (const [learner = '', day = '', kind = ''] of fields(folder, 'activity.csv.gz')) {
    const enrolment = enrolments.get(learner);
    if (enrolment === undefined) throw new Error(`activity.csv.gz: there is no learner ${learner}`);
    const { at } = placeEvent(enrolment.userId, enrolment.start, Number(day), kind);
    done.push({ learner: enrolment.number, at });
  }
  done.sort((a, b) => Number(a.at - b.at));
  return {
    userIds,
    records: done.length,
    next(n) {
      const { learner, at } = done[n] ?? { learner: 0, at: 0n };
      return { learner, at, committedAt: at };
    },
  };
}
