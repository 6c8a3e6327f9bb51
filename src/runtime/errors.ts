/**
 * An error that says what to do about it. `code` is what operators and alerts search for; `retriable` tells an outage
 * (wait, try again) from a mistake (stop). Errors that are none of these are unknown: they end the process.
 */
export class LastseenError extends Error {
  readonly code: ErrorCode;
  readonly retriable: boolean;

  constructor(code: ErrorCode, message: string, options: { retriable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LastseenError';
    this.code = code;
    this.retriable = options.retriable ?? false;
  }
}

export type ErrorCode =
  | 'config_invalid' // the environment or a flag is wrong: every mistake is in the message
  | 'usage' // wrong command line
  | 'postgres_unavailable' // connection refused or lost, shutting down, too many clients: wait
  | 'postgres_refused' // TLS, the login, or a right that is missing: mend the configuration or the grants
  | 'postgres_data' // a statement failed for what some row holds, which is not told: look at the row
  | 'postgres_conflict' // deadlock or serialization failure: try the transaction again
  | 'registry_unavailable' // the schema registry does not answer or answers 5xx: wait
  | 'registry_refused' // TLS or the login: mend the configuration
  | 'schema_incompatible' // the registry refuses an own schema
  | 'kafka_unavailable' // no broker answers, or a send was not acknowledged: wait
  | 'kafka_refused' // TLS, the login, or a right that is missing: mend the configuration or the ACLs
  | 'topic_missing'
  | 'record_refused' // a topic does not take a record: too large, or not valid there
  | 'no_such_letter' // no dead letter has this id
  | 'too_many_dead_letters' // DLQ_MAX_SHARE is passed: look at the newest deploy of the source
  | 'not_migrated' // own tables are missing, or older than this release: run `lastseen migrate`
  | 'stopped' // asked to stop before the work had begun: nothing is left undone
  | 'interrupted' // asked to stop before the work was done
  | 'not_fresh' // it is not proven that whatever happened at the source is applied: nothing was decided
  | 'held' // a run would cross unusually many: a person approves or discards it
  | 'not_held' // a run that is to be approved or discarded does not wait for that
  | 'drift' // last seen is behind the source tables: `audit --repair`, and look why
  | 'replay_lost' // what a replay had done is gone, or what it was to read: start it again
  | 'not_rebuildable' // the topics do not tell the whole history: the message says what is missing and what to do
  | 'snapshot_failed' // Debezium gave up an incremental snapshot
  | 'busy'; // another run holds the lock

/** Wrong flags or arguments: exit code 2. */
export function usageError(message: string): LastseenError {
  return new LastseenError('usage', message);
}

export function isRetriable(error: unknown): boolean {
  return error instanceof LastseenError && error.retriable;
}

/**
 * What may be said of any error where others read it: in a log, a dead letter, the history of runs. Our own messages name
 * no row's values, and none is ever put into a plain Error; the messages of the engine and of Node quote the value they
 * stumbled over (`JSON.parse`, `BigInt`, arguments), so of those it is the name and the place.
 */
export function safeMessage(error: unknown): string {
  if (!(error instanceof Error)) return 'something was thrown that is no error';
  if (error instanceof LastseenError || error.constructor === Error) return error.message;
  const place = /\/src\/([\w/-]+\.ts:\d+)/.exec(framesOf(error))?.[1];
  return place === undefined ? error.name : `${error.name} at ${place}`;
}

/** The stack without the message that stands above it. */
export function framesOf(error: Error): string {
  const { stack = '', message } = error;
  const at = stack.indexOf(message);
  return at === -1 ? '' : stack.slice(at + message.length).replace(/^[^\n]*/, '');
}
