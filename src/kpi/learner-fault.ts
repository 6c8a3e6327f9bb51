import { LastseenError, safeMessage } from '../runtime/errors.ts';

/** The message of an error that a learner's own values cause, in SQL or in a formula; undefined for other errors. */
export function learnerFault(error: unknown): string | undefined {
  const isLearners =
    error instanceof LastseenError
      ? error.code === 'postgres_data'
      : error instanceof RangeError || error instanceof TypeError;
  return isLearners ? safeMessage(error) : undefined;
}
