import { safeMessage } from '../runtime/errors.ts';
import { must } from '../runtime/must.ts';
import { withTimeout } from '../runtime/waiting.ts';

/** The result of one check for one thing: a topic, a task, a table. */
export type Finding =
  | { readonly status: 'ok' | 'skipped'; readonly message: string }
  | { readonly status: 'warning' | 'failed'; readonly message: string; readonly hint: string };

/** Reads one thing; a pure function turns what was read into findings. */
export interface Check {
  readonly name: string;
  /** Names of earlier checks, such as that a server answers. If one of them fails, this check is skipped. */
  readonly needs: readonly string[];
  /** What to do if reading fails. */
  readonly hint: string;
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
  for (const name of check.needs) {
    const needed = await must(started.get(name), `${check.name} comes after ${name}, which it needs`);
    if (needed.some(({ status }) => status === 'failed')) return [skipped(`${name} failed`)];
    if (needed.some(({ status }) => status === 'skipped')) return [skipped(`${name} was skipped`)];
  }
  try {
    return await withTimeout(check.timeoutMs ?? timeoutMs, check.run());
  } catch (error) {
    return [failed(safeMessage(error).replaceAll('\n', '; '), check.hint)];
  }
}

export function ok(message: string): Finding {
  return { status: 'ok', message };
}

export function skipped(message: string): Finding {
  return { status: 'skipped', message };
}

export function warning(message: string, hint: string): Finding {
  return { status: 'warning', message, hint };
}

export function failed(message: string, hint: string): Finding {
  return { status: 'failed', message, hint };
}
