import type { ProgressDisplay } from '../cli/progress/progress-bar.ts';
import type { DueLearner } from '../sweep/episodes-store.ts';
import type { WithFigures } from './figures-pipeline.ts';
import { comparator, type SortKey } from './order.ts';

export type Listed = WithFigures<DueLearner>;

export interface ListDeps {
  /** Calls back with batches of learners, and reads the next batch when the promise has resolved. */
  readonly each: (onLearners: (learners: readonly DueLearner[]) => Promise<void>) => Promise<void>;
  /** Undefined if the list shows no figures. */
  readonly addFigures: ((learners: readonly DueLearner[]) => Promise<readonly Listed[]>) | undefined;
  readonly show: (learners: readonly Listed[]) => Promise<void>;
  readonly showProgress: (total: number) => ProgressDisplay;
  /** @throws LastseenError `interrupted` if the process is stopping */
  readonly requireRunning: () => void;
}

/** All learners of a batch are in memory, with the inputs of their figures. */
export const BATCH = 500;

/** Shows the learners as they are read: memory use does not depend on their number. */
export function listAsRead(deps: ListDeps): Promise<void> {
  return deps.each(async (learners) => {
    deps.requireRunning();
    await deps.show((await deps.addFigures?.(learners)) ?? learners);
  });
}

/** Keeps all learners of the list in memory and sorts them. */
export async function listSorted(deps: ListDeps, key: SortKey): Promise<void> {
  const listed: Listed[] = [];
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
async function addAllFigures({ addFigures, showProgress, requireRunning }: ListDeps, listed: Listed[]): Promise<void> {
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
