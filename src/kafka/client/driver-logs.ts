/** A line that the driver logs at one of its levels. */
export interface DriverLine {
  readonly namespace: string;
  readonly isError: boolean;
  readonly message: string;
}

/** What to do with a line: an outage is reported together with all other signs of it, others are logged. */
export type DriverLineUse =
  | { readonly kind: 'outage'; readonly why: string }
  | { readonly kind: 'log'; readonly level: 'info' | 'warn' | 'debug' };

const log = (level: 'info' | 'warn' | 'debug') => ({ kind: 'log', level }) as const;

/**
 * Decides over a line at the driver's levels error and warning. In an outage it logs several lines per attempt, of which
 * one says why. Lines whose error the caller gets, or that the driver handles by itself, are for debugging.
 */
export function useOfDriverLine({ namespace, isError, message }: DriverLine): DriverLineUse {
  switch (namespace) {
    case 'Connection':
      // The answer of a broker with an error code, such as a coordinator that is loading. The request is repeated, or fails.
      return message.startsWith('Response ') ? log('debug') : { kind: 'outage', why: reasonOf(message) };
    case 'BrokerPool':
      return { kind: 'outage', why: reasonOf(message) };
    case 'RequestQueue':
      return log('debug');
    case 'Consumer':
      // Staged consumers report crashes themselves.
      return /^(Crash|Restarting the consumer)/.test(message) ? log('debug') : log('warn');
    case 'Runner':
      return /re-joining/.test(message) ? log('info') : log('warn');
    default:
      // The driver advises endless retries for idempotence. Callers retry sends after an outage instead.
      return !isError && message.startsWith('Limiting retries') ? log('debug') : log('warn');
  }
}

/** Without what the driver puts before the reason. */
function reasonOf(message: string): string {
  return message.split(/Connection error: |Failed to connect to seed broker.*?list: /).at(-1) ?? message;
}
