import type { CliRun } from '../support/lastseen-cli.ts';
import type { World } from '../support/world.ts';
import { sleep } from './waiting.ts';

const TRIES = 20;

/** Runs the sweep again until it completes, as a CronJob does. */
export async function sweepUntilDone(world: World, ...args: string[]): Promise<CliRun> {
  for (let tries = 1; ; tries++) {
    const run = await world.lastseen('sweep', ...args, '--json');
    if (run.code === 0) return run;
    if (tries === TRIES) throw new Error(`the sweep did not complete in ${TRIES} runs:\n${run.stderr}`);
    await sleep(300);
  }
}

/** 05:00 UTC, this many days after the first sweep. */
export function morning(day: number): string {
  return new Date(Date.UTC(2026, 0, 10 + day, 5)).toISOString();
}

/** Compares expected and actual ids. */
export function compare(
  expected: Iterable<string>,
  found: Iterable<string>,
): { readonly lost: number; readonly wrong: number } {
  const wanted = new Set(expected);
  const seen = new Set(found);
  return { lost: wanted.difference(seen).size, wrong: seen.difference(wanted).size };
}
