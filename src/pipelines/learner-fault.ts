import { dataFailure } from '../postgres/data-failures.ts';
import { LastseenError } from '../runtime/errors.ts';

/** What goes wrong for a learner's own values, in SQL or in a formula; outages and missing tables are nobody's. */
export function learnerFault(error: unknown): string | undefined {
  if (error instanceof LastseenError) return undefined;
  if (error instanceof RangeError || error instanceof TypeError) return `${error.name}: ${error.message}`;
  return dataFailure(error);
}
