import type { AnyStage, Outcome } from './fault.ts';
import { type Harness, openHarness } from './harness.ts';
import { type FaultResult, resultOf } from './table.ts';

export interface FaultRun {
  readonly stages: readonly AnyStage[];
  /** How often each fault is injected, by its name. */
  readonly times: ReadonlyMap<string, number>;
  /** Stacks in parallel. */
  readonly jobs: number;
  readonly seed: number;
  readonly report: (line: string) => void;
}

/** One stage with its injections, for one stack. */
interface Work {
  readonly stage: AnyStage;
  readonly times: ReadonlyMap<string, number>;
  /** Number of injections of each fault in earlier rounds. */
  readonly before: number;
}

const MOST_IN_ONE_WORLD = 10;

export interface RunningFaults {
  /** Resolves after all injections. */
  readonly done: Promise<void>;
  /** The results so far. */
  results(): readonly FaultResult[];
}

/** Injects all faults. A stage that fails does not affect the faults of other stages. */
export function startFaults(run: FaultRun): RunningFaults {
  const outcomes = new Map([...run.times.keys()].map((name) => [name, [] as Outcome[]]));
  const failures = new Map<string, string>();
  const waiting = divide(run);
  const worker = async () => {
    let harness: Harness | undefined;
    try {
      for (let work = waiting.shift(); work !== undefined; work = waiting.shift()) {
        harness ??= await openHarness({ seed: run.seed, onProgress: run.report });
        const broken = await play(run, harness, work, outcomes, failures);
        // A failed stage must not affect the next one, so the stack is replaced.
        if (broken) {
          await harness.close();
          harness = undefined;
        }
      }
    } finally {
      await harness?.close();
    }
  };
  return {
    done: Promise.all(Array.from({ length: run.jobs }, worker)).then(() => {}),
    results: () =>
      [...outcomes].map(([name, all]) => resultOf(name, all, failures.get(name) ?? missing(run, name, all))),
  };
}

function missing({ times }: FaultRun, name: string, outcomes: readonly Outcome[]): string | undefined {
  const wanted = times.get(name) ?? 0;
  return outcomes.length < wanted ? `injected ${outcomes.length} of ${wanted} times` : undefined;
}

/**
 * Many injections are divided into rounds of a few per fault, so that a run that is stopped early has some of each. Few
 * injections use one world per stage.
 */
function divide({ stages, times }: FaultRun): Work[] {
  const most = Math.max(...times.values());
  if (most <= MOST_IN_ONE_WORLD) return stages.map((stage) => ({ stage, times, before: 0 }));
  const rounds = Math.ceil(most / MOST_IN_ONE_WORLD);
  return Array.from({ length: rounds }, (_, round) =>
    stages.flatMap((stage) =>
      stage.faults.flatMap(({ name }) => {
        const before = round * MOST_IN_ONE_WORLD;
        const left = (times.get(name) ?? 0) - before;
        return left > 0 ? [{ stage, times: new Map([[name, Math.min(MOST_IN_ONE_WORLD, left)]]), before }] : [];
      }),
    ),
  ).flat();
}

async function play(
  { report }: FaultRun,
  harness: Harness,
  { stage, times, before }: Work,
  outcomes: ReadonlyMap<string, Outcome[]>,
  failures: Map<string, string>,
): Promise<boolean> {
  let current = '';
  try {
    await stage.play(harness, {
      times,
      starts(fault, n) {
        current = fault;
        harness.reseed(`${fault} ${before + n}`);
        report(`${fault} ${n + 1} of ${times.get(fault)} …`);
      },
      ended(fault, outcome) {
        outcomes.get(fault)?.push(outcome);
        const { lost, wrong, duplicates, recoveryMs } = outcome;
        report(`${fault}: lost ${lost}, wrong ${wrong}, duplicates ${duplicates}, recovered after ${recoveryMs} ms`);
      },
    });
    return false;
  } catch (error) {
    const why = (error as Error).message;
    report(`${current} failed: ${(error as Error).stack ?? why}`);
    for (const { name } of stage.faults) {
      if ((times.get(name) ?? 0) > 0 && (name === current || current === '')) failures.set(name, why);
    }
    return true;
  }
}
