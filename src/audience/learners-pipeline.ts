import { trackedSources } from '../config/kafka-names.ts';
import type { Settings } from '../config/settings.ts';
import type { Database } from '../postgres/database.ts';
import type { SweepPlan } from '../silence/plan.ts';
import { readSourceLearners } from '../source-activity/learners-store.ts';
import type { DueLearner } from '../sweep/episodes-store.ts';
import { BATCH, type ListDeps } from './pipeline.ts';
import type { SourceDecisions } from './silence-at-source.ts';

interface SourceReading extends Pick<ListDeps<DueLearner>, 'requireRunning'>, Pick<SourceDecisions, 'decide'> {
  readonly settings: Settings;
  readonly plan: SweepPlan;
}

/** Reads the learners of the source tables in one snapshot, and calls back with those who are due, in batches. */
export function eachDueAtSource(
  source: Database,
  { settings, plan, decide, requireRunning }: SourceReading,
  onDue: (learners: readonly DueLearner[]) => Promise<void>,
): Promise<void> {
  return source.snapshot(async (tx) => {
    let batch: DueLearner[] = [];
    const sources = [...trackedSources(settings)];
    for await (const learner of readSourceLearners(tx, sources, settings.ATTEMPT_SOURCE, plan.asOf)) {
      requireRunning();
      const due = decide(learner);
      if (due === undefined) continue;
      batch.push(due);
      if (batch.length < BATCH) continue;
      await onDue(batch);
      batch = [];
    }
    await onDue(batch);
  });
}
