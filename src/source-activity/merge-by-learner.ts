import type { StudentId } from '../activity/activity.ts';

interface KeyedRow {
  readonly studentId: StudentId;
}

/**
 * Merges streams that are sorted by student id and have at most one row per learner. Yields each learner once, in that
 * order, with the row of each stream; undefined: the stream does not have the learner. Holds one row per stream.
 */
export async function* mergeByLearner<Row extends KeyedRow>(
  streams: readonly AsyncIterator<Row, void, undefined>[],
): AsyncGenerator<{ readonly studentId: StudentId; readonly rows: readonly (Row | undefined)[] }, void, undefined> {
  // One after the other, because streams may share a connection.
  const heads: (Row | undefined)[] = [];
  for (const stream of streams) heads.push((await stream.next()).value ?? undefined);
  for (;;) {
    const studentId = smallestId(heads);
    if (studentId === undefined) return;
    const rows = heads.map((head) => (head?.studentId === studentId ? head : undefined));
    yield { studentId, rows };
    for (const [index, stream] of streams.entries()) {
      if (rows[index] !== undefined) heads[index] = (await stream.next()).value ?? undefined;
    }
  }
}

function smallestId(heads: readonly (KeyedRow | undefined)[]): StudentId | undefined {
  let smallest: StudentId | undefined;
  for (const head of heads) {
    if (head !== undefined && (smallest === undefined || head.studentId < smallest)) smallest = head.studentId;
  }
  return smallest;
}
