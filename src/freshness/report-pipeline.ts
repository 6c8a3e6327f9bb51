import type { Instant } from '../activity/instant.ts';
import { isRetriable, LastseenError, safeMessage } from '../runtime/errors.ts';
import {
  type Baseline,
  CLOCK_BEFORE_AS_OF,
  type FreshnessDeps,
  RETRY_MS,
  readBaseline,
  readEvidence,
  type Target,
  targetAt,
} from './pipeline.ts';
import { type FreshnessReport, missingOf, reportSources, reportUnread, type SourceReport } from './report.ts';

/**
 * The proof of a sweep, as a report: which source is proven until when, and what is missing of the others. It waits while
 * waiting may help one of the sources, also if another is broken. It writes nothing.
 */
export async function reportFreshness(deps: FreshnessDeps, asOf: Instant): Promise<FreshnessReport> {
  const deadline = deps.now() + BigInt(Math.round(deps.waitMs)) * 1000n;
  const look = createLook(deps, asOf);
  for (;;) {
    const report = { asOf, sources: await look() };
    const mayHelp = report.sources.some(({ proof }) => proof.kind === 'behind');
    if (!mayHelp || deps.now() >= deadline || !(await deps.pause(RETRY_MS))) return report;
    deps.onWaiting?.(missingOf(report));
  }
}

/** Each look judges all sources again, against the position that the first look has read. */
function createLook(deps: FreshnessDeps, asOf: Instant): () => Promise<readonly SourceReport[]> {
  let baseline: Baseline | undefined;
  let target: Target | undefined;
  const judge = async () => {
    baseline ??= await readBaseline(deps);
    target ??= await targetAt(deps, asOf);
    if (target === undefined) return reportUnread(deps.sources, 'behind', [CLOCK_BEFORE_AS_OF]);
    return reportSources(await readEvidence(deps, baseline, target), target.at);
  };
  return () =>
    judge().catch((error: unknown) => {
      const isNotFresh = error instanceof LastseenError && error.code === 'not_fresh';
      if (isNotFresh) return reportUnread(deps.sources, 'broken', reasonsOf(error));
      if (isRetriable(error)) return reportUnread(deps.sources, 'behind', [safeMessage(error)]);
      throw error;
    });
}

function reasonsOf({ message }: LastseenError): readonly string[] {
  return message.split('\n').map((line) => line.replace(/^not fresh: /, ''));
}
