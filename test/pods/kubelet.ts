import { setTimeout as sleep } from 'node:timers/promises';
import type { Container } from './container.ts';
import type { Probe } from './manifests.ts';

/** The results so far of a container's probes, which run as in the kubelet. */
export interface Probing {
  /** Milliseconds from the container's start; undefined until it was ready for the first time. */
  readonly readyAfterMs: number | undefined;
  readonly isReady: boolean;
  /** The number of right and wrong answers per probe. */
  readonly answers: Readonly<Record<ProbeName, { readonly right: number; readonly wrong: number }>>;
  /** Why the kubelet would have restarted the container; undefined if it would not. */
  readonly failure: string | undefined;
  /** Stops the probes. */
  end(): void;
}

type ProbeName = 'startup' | 'liveness' | 'readiness';

/** Runs the probes until the container exits: first only startup, then liveness and readiness in parallel. */
export function probe(container: Container): Probing {
  const counts = () => ({ right: 0, wrong: 0 });
  const state = {
    readyAfterMs: undefined as number | undefined,
    isReady: false,
    answers: { startup: counts(), liveness: counts(), readiness: counts() },
    failure: undefined as string | undefined,
    isOver: false,
  };
  const { startupProbe, livenessProbe, readinessProbe } = container.spec;
  const asks = () => !state.isOver && !container.hasEnded();
  /** Resolves at the failure threshold; with `once` also at the first right answer. */
  const series = async (
    name: ProbeName,
    given: Probe | undefined,
    once: boolean,
    onAnswer: (right: boolean) => void,
  ) => {
    if (given === undefined) return;
    await sleep((given.initialDelaySeconds ?? 0) * 1_000);
    for (let failures = 0; asks(); ) {
      const right = await isAnswered(container, given);
      if (!asks()) return;
      state.answers[name][right ? 'right' : 'wrong'] += 1;
      onAnswer(right);
      failures = right ? 0 : failures + 1;
      if (right && once) return;
      if (failures >= (given.failureThreshold ?? 3) && name !== 'readiness') {
        state.failure ??= `the ${name} probe failed ${failures} times in a row`;
        return;
      }
      await sleep((given.periodSeconds ?? 10) * 1_000);
    }
  };
  void (async () => {
    await series('startup', startupProbe, true, () => {});
    if (state.failure !== undefined) return;
    void series('liveness', livenessProbe, false, () => {});
    void series('readiness', readinessProbe, false, (right) => {
      state.isReady = right;
      if (right) state.readyAfterMs ??= Math.round(performance.now() - container.startedAt);
    });
  })();
  return Object.assign(state, {
    end() {
      state.isOver = true;
    },
  });
}

async function isAnswered({ spec, env }: Container, { httpGet, timeoutSeconds }: Probe): Promise<boolean> {
  if (httpGet === undefined) throw new Error(`${spec.name} has a probe that is not an httpGet`);
  const declared = spec.ports?.find(
    ({ name, containerPort }) => name === httpGet.port || containerPort === httpGet.port,
  );
  if (declared === undefined) throw new Error(`${spec.name}: the probe's port ${httpGet.port} is not declared`);
  try {
    const signal = AbortSignal.timeout((timeoutSeconds ?? 1) * 1_000);
    // The replaced port: containers share this machine's network.
    const response = await fetch(`http://127.0.0.1:${env['HTTP_PORT']}${httpGet.path}`, { signal });
    return response.status >= 200 && response.status < 400;
  } catch {
    return false;
  }
}
