import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import { must } from '../runtime/must.ts';
import { type FreshnessEvidence, judgeFreshness } from './judgement.ts';

/** What is proven of each source, at one moment. */
export interface FreshnessReport {
  readonly asOf: Instant;
  readonly sources: readonly SourceReport[];
}

export interface SourceReport {
  readonly source: Source;
  readonly topic: string;
  readonly proof: SourceProof;
}

type SourceProof =
  /** All changes committed at the source until then, by its clock, are applied. */
  | { readonly kind: 'proven'; readonly until: Instant; readonly records: bigint }
  /** Waiting may help with `behind`, and does not help with `broken`. */
  | { readonly kind: 'behind' | 'broken'; readonly missing: readonly string[] };

/**
 * Judges each source by itself, by the rule of a sweep, so that one source that is not fresh does not hide the others. What
 * concerns all of them, such as the slot, is missing in each.
 *
 * @param until when the position to prove was read
 */
export function reportSources(evidence: FreshnessEvidence, until: Instant): readonly SourceReport[] {
  return evidence.sources.map((each) => {
    const { source, topic } = each;
    const verdict = judgeFreshness({ ...evidence, sources: [each] });
    if (verdict.kind !== 'fresh') return { source, topic, proof: { kind: verdict.kind, missing: verdict.reasons } };
    const records = must(verdict.ends.get(source), 'a fresh source has an end');
    return { source, topic, proof: { kind: 'proven', until, records } };
  });
}

/** The report if the evidence could not be read, for a reason that concerns all sources. */
export function reportUnread(
  sources: ReadonlyMap<string, Source>,
  kind: 'behind' | 'broken',
  missing: readonly string[],
): readonly SourceReport[] {
  return [...sources].map(([topic, source]) => ({ source, topic, proof: { kind, missing } }));
}

/** What is missing, each reason once; empty if all sources are proven. */
export function missingOf({ sources }: FreshnessReport): readonly string[] {
  return [...new Set(sources.flatMap(({ proof }) => (proof.kind === 'proven' ? [] : proof.missing)))];
}
