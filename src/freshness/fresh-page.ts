import { formatInstant } from '../activity/instant.ts';
import { json, readableInstant, table } from '../cli/tables.ts';
import { LastseenError } from '../runtime/errors.ts';
import { type FreshnessReport, missingOf, type SourceReport } from './report.ts';

export function freshPage({ sources }: FreshnessReport): string {
  return table(
    ['source', 'proven up to'],
    sources.map(({ source, proof }) => [source, proof.kind === 'proven' ? readableInstant(proof.until) : 'not proven']),
  );
}

export function freshJson(report: FreshnessReport): string {
  return json({
    status: missingOf(report).length === 0 ? 'fresh' : 'not_fresh',
    asOf: formatInstant(report.asOf),
    sources: report.sources.map(sourceJson),
  });
}

function sourceJson({ source, topic, proof }: SourceReport) {
  if (proof.kind === 'proven') return { source, topic, provenUntil: formatInstant(proof.until), missing: [] };
  return { source, topic, provenUntil: null, missing: proof.missing };
}

/** Makes the command exit with the code for data that is not proven complete; undefined if it is. */
export function freshError(report: FreshnessReport): LastseenError | undefined {
  const missing = missingOf(report);
  if (missing.length === 0) return undefined;
  return new LastseenError('not_fresh', missing.map((reason) => `not fresh: ${reason}`).join('\n'));
}
