import { z } from 'zod';
import type { PredictionQuestion } from '../figures/goal-probability.ts';

/** A growth model behind HTTP: the predicted probability of each question that it answered. */
export type GrowthService = (
  questions: readonly PredictionQuestion[],
) => Promise<ReadonlyMap<PredictionQuestion, number>>;

const ANSWER = z.object({ probability: z.number() });

/** After this many failures the remaining questions are not asked: a service that is down would delay every batch. */
const FAILURES_ALLOWED = 5;

/**
 * Asks `POST <url>/growth/predict {mean, sd, target}` for `{probability}`, a few at once. Never throws, because P has
 * another rule without an answer.
 *
 * @param onFailure called for each question that failed
 */
export function createGrowthService(options: {
  readonly url: string;
  readonly onFailure: (error: Error) => void;
  readonly timeoutMs?: number;
  readonly atOnce?: number;
}): GrowthService {
  const { url, onFailure, timeoutMs = 2_000, atOnce = 4 } = options;
  const endpoint = `${url.replace(/\/+$/, '')}/growth/predict`;
  return async (questions) => {
    const answers = new Map<PredictionQuestion, number>();
    const waiting = questions.values();
    let failures = 0;
    const askRemaining = async () => {
      // The iterator is shared: each question is asked once.
      for (const question of waiting) {
        if (failures >= FAILURES_ALLOWED) return;
        try {
          answers.set(question, await ask(endpoint, question, timeoutMs));
        } catch (error) {
          failures += 1;
          onFailure(error instanceof Error ? error : new Error(String(error)));
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, questions.length) }, askRemaining));
    return answers;
  };
}

async function ask(endpoint: string, question: PredictionQuestion, timeoutMs: number): Promise<number> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(question),
    signal: AbortSignal.timeout(timeoutMs),
  }).catch((error: Error & { cause?: { code?: string } }) => {
    throw new Error(`could not reach the growth service (${error.cause?.code ?? error.message})`);
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`the growth service answered with status ${response.status}`);
  }
  const answer = ANSWER.safeParse(await response.json().catch(() => undefined));
  if (!answer.success) throw new Error('the growth service answered without a number `probability`');
  return answer.data.probability;
}
