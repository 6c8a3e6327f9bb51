import type { AnyStage } from './fault.ts';
import { captureStage } from './stages/capture.ts';
import { lettersStage } from './stages/letters.ts';
import { poisonStage } from './stages/poison.ts';
import { recomputeStage } from './stages/recompute.ts';
import { restoredStage } from './stages/restored.ts';
import { returningStage } from './stages/returning.ts';
import { securedStage } from './stages/secured.ts';
import { stallStage } from './stages/stalls.ts';
import { surroundingsStage } from './stages/surroundings.ts';
import { sweepStage } from './stages/sweep.ts';
import { topicStage } from './stages/topics.ts';
import { trackStage } from './stages/track.ts';
import { unreadStage } from './stages/unread.ts';

/** All faults, by the world they are injected into. */
export const STAGES: readonly AnyStage[] = [
  trackStage,
  surroundingsStage,
  recomputeStage,
  sweepStage,
  returningStage,
  stallStage,
  captureStage,
  restoredStage,
  topicStage,
  unreadStage,
  lettersStage,
  poisonStage,
  securedStage,
];
