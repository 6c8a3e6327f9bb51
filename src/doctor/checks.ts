import { type Advice, type Finding, failed, skipped } from '../preflight/finding.ts';
import { safeMessage } from '../runtime/errors.ts';
import { must } from '../runtime/must.ts';
import { withTimeout } from '../runtime/waiting.ts';

/** Reads one thing; a pure function turns what was read into findings. */
export interface Check {
  readonly name: string;
  /** Names of earlier checks, such as that a server answers. If one of them fails or is skipped, this check is skipped. */
  readonly needs: readonly string[];
  /** Earlier checks whose failure would show here as well. If one of them fails, this check is skipped. */
  readonly after?: readonly string[];
  /** What to do if reading fails. */
  readonly advise: (error: unknown) => Advice;
  /** If another than that of all checks. */
  readonly timeoutMs?: number;
  readonly run: () => Promise<readonly Finding[]>;
}

export interface CheckResult {
  readonly check: string;
  readonly findings: readonly Finding[];
}

/**
 * Runs all checks concurrently, each with its own timeout. An error becomes a finding of its check, so it hides no other
 * finding. The results are in the order of `checks`.
 */
export function runChecks(checks: readonly Check[], timeoutMs: number): Promise<readonly CheckResult[]> {
  const started = new Map<string, Promise<readonly Finding[]>>();
  return Promise.all(
    checks.map(async (check) => {
      const running = runCheck(check, started, timeoutMs);
      started.set(check.name, running);
      return { check: check.name, findings: await running };
    }),
  );
}

async function runCheck(
  check: Check,
  started: ReadonlyMap<string, Promise<readonly Finding[]>>,
  timeoutMs: number,
): Promise<readonly Finding[]> {
  const { needs, after = [] } = check;
  for (const name of [...needs, ...after]) {
    const earlier = await must(started.get(name), `${check.name} comes after ${name}`);
    if (earlier.some(({ status }) => status === 'failed')) return [skipped(`${name} failed`)];
    if (needs.includes(name) && earlier.some(({ status }) => status === 'skipped'))
      return [skipped(`${name} was skipped`)];
  }
  try {
    return await withTimeout(check.timeoutMs ?? timeoutMs, check.run());
  } catch (error) {
    return [failed(safeMessage(error).replaceAll('\n', '; '), check.advise(error))];
  }
}
