import type { ProgressDisplay } from '../cli/progress/progress-bar.ts';
import { comparator, type Sortable, type SortKey } from './order.ts';

/** @typeParam L a learner of the list, whose figures may be added */
export interface ListDeps<L extends Sortable> {
  /** Calls back with batches of learners, and reads the next batch when the promise has resolved. */
  readonly each: (onLearners: (learners: readonly L[]) => Promise<void>) => Promise<void>;
  /** Undefined if the list shows no figures. */
  readonly addFigures: ((learners: readonly L[]) => Promise<readonly L[]>) | undefined;
  readonly show: (learners: readonly L[]) => Promise<void>;
  readonly showProgress: (total: number) => ProgressDisplay;
  /** @throws LastseenError `interrupted` if the process is stopping */
  readonly requireRunning: () => void;
}

/** All learners of a batch are in memory, with the inputs of their figures. */
export const BATCH = 500;

/** Shows the learners as they are read: memory use does not depend on their number. */
export function listAsRead<L extends Sortable>(deps: ListDeps<L>): Promise<void> {
  return deps.each(async (learners) => {
    deps.requireRunning();
    await deps.show((await deps.addFigures?.(learners)) ?? learners);
  });
}

/** Keeps all learners of the list in memory and sorts them. */
export async function listSorted<L extends Sortable>(deps: ListDeps<L>, key: SortKey): Promise<void> {
  const listed: L[] = [];
  await deps.each(async (learners) => {
    deps.requireRunning();
    listed.push(...learners);
  });
  await addAllFigures(deps, listed);
  listed.sort(comparator(key));
  for (let at = 0; at < listed.length; at += BATCH) {
    deps.requireRunning();
    await deps.show(listed.slice(at, at + BATCH));
  }
}

/** In place: a list is kept once. Nothing is shown before the last figure is known, so the progress is. */
async function addAllFigures<L extends Sortable>(
  { addFigures, showProgress, requireRunning }: ListDeps<L>,
  listed: L[],
): Promise<void> {
  if (addFigures === undefined) return;
  const progress = showProgress(listed.length);
  try {
    for (let at = 0; at < listed.length; at += BATCH) {
      requireRunning();
      const computed = await addFigures(listed.slice(at, at + BATCH));
      listed.splice(at, computed.length, ...computed);
      progress.update(at + computed.length);
    }
  } finally {
    progress.end();
  }
}
