import { z } from 'zod';

/** What P is asked of: an ability N(mean, sd²) and the goal's level, in one unit. */
interface PredictionQuestion {
  readonly mean: number;
  readonly sd: number;
  readonly target: number;
}

/** A growth model behind HTTP. It answers in the order of the questions; `undefined` where it has no answer. */
export type GrowthService = (questions: readonly PredictionQuestion[]) => Promise<readonly (number | undefined)[]>;

const ANSWER = z.object({ probability: z.number() });

/** After so many failures the rest of the questions is not put: a service that is down would hold up every batch. */
const FAILURES_ALLOWED = 5;

/**
 * Asks `POST <url>/growth/predict {mean, sd, target}` for `{probability}`, a few at once, and never throws: whoever
 * asks has another way to go on.
 *
 * @param onFailure told of each question that got no answer
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
    const answers = new Array<number | undefined>(questions.length).fill(undefined);
    const waiting = questions.entries();
    let failures = 0;
    const askOn = async () => {
      // The entries are shared: each question goes to whoever is free.
      for (const [index, question] of waiting) {
        if (failures >= FAILURES_ALLOWED) return;
        try {
          answers[index] = await ask(endpoint, question, timeoutMs);
        } catch (error) {
          failures += 1;
          onFailure(error instanceof Error ? error : new Error(String(error)));
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, questions.length) }, askOn));
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
    throw new Error(`the growth service does not answer (${error.cause?.code ?? error.message})`);
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`the growth service answered ${response.status}`);
  }
  const answer = ANSWER.safeParse(await response.json().catch(() => undefined));
  if (!answer.success) throw new Error('the growth service answered something else than {probability}');
  return answer.data.probability;
}
