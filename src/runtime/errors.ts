/**
 * A known error, whose message says what to do. Operators and alerts search for `code`. `retriable` is true for an outage
 * or a conflict: wait and try again. An error of any other class is unknown and ends the process.
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
  | 'config_invalid' // an environment variable or a flag is wrong: the message lists all mistakes
  | 'usage' // wrong command line
  | 'postgres_unavailable' // connection refused or lost, unknown host, shutting down, out of time, too many clients: wait
  | 'postgres_refused' // TLS, the login, or a missing right: fix the configuration or the grants
  | 'postgres_data' // a statement failed because of a row's values, which are not shown: look at the row
  | 'postgres_conflict' // deadlock or serialization failure: retry the transaction
  | 'replica_behind' // the replica of the source tables has not replayed the primary's log: wait
  | 'registry_unavailable' // the schema registry does not answer or answers 5xx: wait
  | 'registry_refused' // TLS or the login: fix the configuration
  | 'schema_incompatible' // the registry rejects an own schema
  | 'kafka_unavailable' // no broker answers, or a send was not acknowledged: wait
  | 'kafka_refused' // TLS, the login, or a missing right: fix the configuration or the ACLs
  | 'topic_missing'
  | 'record_refused' // the broker rejects a record: too large, or invalid for the topic
  | 'batch_unreadable' // a batch in a topic cannot be decompressed or decoded: it is not skipped
  | 'no_such_letter' // no dead letter has this id
  | 'too_many_dead_letters' // more than DLQ_MAX_SHARE: look at the newest deploy of the source
  | 'tables_differ' // a table, column or type is not as this release reads it: `lastseen doctor` names it
  | 'too_little_data' // a model cannot be fitted to so few snapshots: widen the time
  | 'unknown_learner' // no table has a row of this learner: check the spelling
  | 'not_migrated' // own tables are missing, or older than this release: run `lastseen migrate`
  | 'stopped' // stopped by a signal before the work began: nothing was changed
  | 'interrupted' // stopped by a signal before the work was done
  | 'not_fresh' // not all changes at the source are known to be applied: nothing was decided
  | 'held' // unusually many learners crossed a threshold: a person approves or discards the run
  | 'not_held' // the run to approve or discard is not held
  | 'too_old' // the run to approve is for an as-of more than 3 days ago: sweep again, or discard it
  | 'contradicted' // learners who would cross were seen later by the source tables: run `audit --repair`, and look for the cause
  | 'drift' // last seen is behind the source tables: run `audit --repair`, and look for the cause
  | 'replay_lost' // the progress of a replay, or the records it has to read, are gone: start it again
  | 'not_rebuildable' // the topics do not contain the whole history: the message says what is missing and what to do
  | 'snapshot_failed' // Debezium aborted an incremental snapshot
  | 'busy' // another run holds the lock
  | 'lock_lost'; // the connection that held the lock was lost: nothing more was done; run it again

const places = new WeakMap<Error, string>();

/** Notes which records an error is about, for the operator. The first note is kept, because it is the most exact. */
export function notePlace(error: unknown, place: string): void {
  if (error instanceof Error && !places.has(error)) places.set(error, place);
}

/** What {@link notePlace} noted. */
export function placeOf(error: unknown): string | undefined {
  return error instanceof Error ? places.get(error) : undefined;
}

/** Wrong flags or arguments: exit code 2. */
export function usageError(message: string): LastseenError {
  return new LastseenError('usage', message);
}

export function isRetriable(error: unknown): boolean {
  return error instanceof LastseenError && error.retriable;
}

/**
 * A message for logs, dead letters and the history of runs, without row values. Messages of LastseenError and of plain
 * Error are written in this project and quote no row values. Messages of Node's own classes may quote them (`JSON.parse`,
 * `BigInt`, arguments), so the name of the class and the place in the code replace them.
 */
export function safeMessage(error: unknown): string {
  if (!(error instanceof Error)) return 'a value that is not an Error was thrown';
  if (error instanceof LastseenError || error.constructor === Error) return error.message;
  const place = /\/src\/([\w/-]+\.ts:\d+)/.exec(framesOf(error))?.[1];
  return place === undefined ? error.name : `${error.name} at ${place}`;
}

/** The stack without the message above it. */
export function framesOf(error: Error): string {
  const { stack = '', message } = error;
  const at = stack.indexOf(message);
  return at === -1 ? '' : stack.slice(at + message.length).replace(/^[^\n]*/, '');
}
