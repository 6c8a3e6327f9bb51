import { safeMessage } from '../runtime/errors.ts';
import { answeredWithin } from '../runtime/with-timeout.ts';

/** What one look at one thing has shown. */
export type Finding =
  | { readonly status: 'ok' | 'skipped'; readonly says: string }
  | { readonly status: 'warning' | 'failed'; readonly says: string; readonly mend: string };

/** One question: what is observed is judged by a pure function beside it. */
export interface Check {
  readonly name: string;
  /** Names of checks before this one without which there is nothing to be seen: whether a server answers. */
  readonly needs: readonly string[];
  /** What to do where the observation itself fails. */
  readonly mend: string;
  readonly look: () => Promise<readonly Finding[]>;
}

export interface Examined {
  readonly check: string;
  readonly findings: readonly Finding[];
}

/**
 * Makes all checks, side by side, each with its own limit of time; what one comes to, an error too, is its own finding
 * and hides no other. In the order of `checks`.
 */
export function examine(checks: readonly Check[], timeoutMs: number): Promise<readonly Examined[]> {
  const findings = new Map<string, Promise<readonly Finding[]>>();
  for (const check of checks) findings.set(check.name, findingsOf(check, findings, timeoutMs));
  return Promise.all(checks.map(async ({ name }) => ({ check: name, findings: (await findings.get(name)) ?? [] })));
}

async function findingsOf(
  check: Check,
  before: ReadonlyMap<string, Promise<readonly Finding[]>>,
  timeoutMs: number,
): Promise<readonly Finding[]> {
  for (const name of check.needs) {
    const needed = (await before.get(name)) ?? [];
    if (needed.some(({ status }) => status === 'failed')) return [skipped(`${name} failed`)];
    if (needed.some(({ status }) => status === 'skipped')) return [skipped(`${name} was skipped`)];
  }
  try {
    return await answeredWithin(timeoutMs, check.look());
  } catch (error) {
    return [failed(safeMessage(error).replaceAll('\n', '; '), check.mend)];
  }
}

export function ok(says: string): Finding {
  return { status: 'ok', says };
}

export function skipped(says: string): Finding {
  return { status: 'skipped', says };
}

export function warning(says: string, mend: string): Finding {
  return { status: 'warning', says, mend };
}

export function failed(says: string, mend: string): Finding {
  return { status: 'failed', says, mend };
}
