import { type ErrorCode, isRetriable, LastseenError, safeMessage } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logging.ts';
import type { Finding } from './finding.ts';

/** A check of what a command uses, before it works. */
export interface StartCheck {
  readonly name: string;
  /** The code of the error if the check fails. */
  readonly code: ErrorCode;
  readonly run: () => Promise<readonly Finding[]>;
}

/**
 * Runs checks one after the other, silently if all is well. What cannot be checked is only logged: it does not keep the
 * command from its work.
 *
 * @param waits whether the caller waits for outages. Otherwise an outage is left to the command, which meets it again.
 * @throws LastseenError with the code of the check and one line per failed finding, and outages if `waits`
 */
export async function requireSound(
  { log }: { readonly log: Logger },
  checks: readonly StartCheck[],
  waits: boolean,
): Promise<void> {
  for (const { name, code, run } of checks) {
    let findings: readonly Finding[];
    try {
      findings = await run();
    } catch (error) {
      if (isRetriable(error) && waits) throw error;
      log.warn({ event: 'setup_unchecked', check: name, error: safeMessage(error) }, 'could not check the set-up');
      continue;
    }
    requireNoFailure(code, findings);
  }
}

/** @throws LastseenError with one line per failed finding */
export function requireNoFailure(code: ErrorCode, findings: readonly Finding[]): void {
  const failures = findings.flatMap((finding) =>
    finding.status === 'failed' ? [`${finding.message}: ${finding.hint}`] : [],
  );
  if (failures.length > 0) throw new LastseenError(code, failures.join('\n'));
}
