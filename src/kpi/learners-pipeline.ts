import type { Instant } from '../activity/instant.ts';
import { unpadded } from '../activity/learner.ts';
import { readUserIds } from '../cli/user-file.ts';
import type { Settings } from '../config/settings.ts';
import type { Database } from '../postgres/database.ts';
import { configuredPlan, silenceWindow } from '../silence/plan.ts';
import {
  countInactiveLearners,
  countSourceLearners,
  eachInactiveLearner,
  eachSourceLearner,
  learnersOfWeeklyRowsOnly,
} from './inputs/learners-store.ts';
import type { FigureDeps } from './inputs/pipeline.ts';

type Deps = FigureDeps & { readonly database: Database; readonly source: Database };

export interface LearnerFlags {
  readonly user?: readonly string[];
  readonly userFile?: string;
  readonly all?: true;
  readonly inactive?: true;
}

/** Learners per batch. All answers of a batch's last 56 days are in memory. */
const BATCH = 500;

interface Learners {
  /** For the progress. */
  count(): Promise<number>;
  each(onUserIds: (userIds: readonly string[]) => Promise<void>): Promise<void>;
}

/** @throws LastseenError `usage` if the file of user_ids cannot be read */
export async function chosenLearners(
  flags: LearnerFlags,
  asOf: Instant,
  settings: Settings,
  deps: Deps,
): Promise<Learners> {
  const { database, source, options } = deps;
  const named = flags.userFile === undefined ? flags.user : await readUserIds(flags.userFile);
  if (named !== undefined) return listed([...new Set(named.map(unpadded))]);
  if (flags.all) {
    const readsStored = options.useBayesian && options.policy.storedProbability === 'first';
    // Only learners that no source table has any more: few enough to keep, and counted before the first is computed.
    const others = listed(readsStored ? await learnersOfWeeklyRowsOnly(database, source, BATCH) : []);
    return {
      count: async () => (await countSourceLearners(source)) + (await others.count()),
      each: async (onUserIds) => {
        await eachSourceLearner(source, onUserIds, BATCH);
        await others.each(onUserIds);
      },
    };
  }
  const window = silenceWindow(configuredPlan(settings, asOf));
  return {
    count: () => countInactiveLearners(database, window),
    each: (onUserIds) => eachInactiveLearner(database, window, onUserIds, BATCH),
  };
}

function listed(userIds: readonly string[]): Learners {
  return {
    count: async () => userIds.length,
    each: async (onUserIds) => {
      for (let at = 0; at < userIds.length; at += BATCH) await onUserIds(userIds.slice(at, at + BATCH));
    },
  };
}
