import type { StudentId } from '../activity/activity.ts';

interface OfLearner {
  readonly studentId: StudentId;
}

/**
 * Walks streams that are each sorted by student id, one row a learner, side by side: a learner at a time, their row of
 * each stream, undefined where that has none. No more than a row a stream is held.
 */
export async function* alignedByLearner<Row extends OfLearner>(
  streams: readonly AsyncIterator<Row, void, undefined>[],
): AsyncGenerator<readonly (Row | undefined)[], void, undefined> {
  // One after the other: they may share a connection.
  const heads: (Row | undefined)[] = [];
  for (const stream of streams) heads.push((await stream.next()).value ?? undefined);
  for (;;) {
    const next = smallest(heads);
    if (next === undefined) return;
    const rows = heads.map((head) => (head?.studentId === next ? head : undefined));
    yield rows;
    for (const [at, stream] of streams.entries()) {
      if (rows[at] !== undefined) heads[at] = (await stream.next()).value ?? undefined;
    }
  }
}

function smallest(heads: readonly (OfLearner | undefined)[]): StudentId | undefined {
  let found: StudentId | undefined;
  for (const head of heads) {
    if (head !== undefined && (found === undefined || head.studentId < found)) found = head.studentId;
  }
  return found;
}
