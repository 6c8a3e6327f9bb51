import { LastseenError, safeMessage } from '../runtime/errors.ts';

/** What goes wrong for a learner's own values, in SQL or in a formula; outages and missing tables are nobody's. */
export function learnerFault(error: unknown): string | undefined {
  const isTheirs =
    error instanceof LastseenError
      ? error.code === 'postgres_data'
      : error instanceof RangeError || error instanceof TypeError;
  return isTheirs ? safeMessage(error) : undefined;
}
