import { type Instant, parseInstant } from '../../src/activity/instant.ts';
import type { FreshnessProof } from '../../src/freshness/connect-offset.ts';
import type { LoadRequest } from './load.ts';

/** How lastseen is set up. */
export interface DemoVariant {
  readonly proof: FreshnessProof;
  /** Own tables are in another database than the platform's. */
  readonly ownDatabase: boolean;
}

export interface DemoOptions extends LoadRequest, DemoVariant {
  readonly asOf: Instant;
  readonly thresholdDays: number;
  readonly lookbackDays: number;
}

/** Flags as commander reads them. */
export interface DemoFlags {
  readonly learners: number;
  readonly days: number;
  readonly seed: number;
  readonly data?: string;
  readonly asOf?: Instant;
  readonly threshold: number;
  readonly lookback?: number;
  readonly proof: FreshnessProof;
  readonly ownDatabase?: boolean;
}

/** A Wednesday, at the hour of the daily sweep. */
const GENERATED_AS_OF = '2026-03-18T05:00:00Z';
/** The last of the published dates; with a lookback of 31 days, because they count both ends. */
const OULAD_AS_OF = '2014-01-06T23:59:59.999999Z';

/** Fills in the defaults. Returns an error message if flags contradict each other. */
export function demoOptions(flags: DemoFlags): DemoOptions | string {
  const oulad = flags.data !== undefined;
  const asOf = flags.asOf ?? parseInstant(oulad ? OULAD_AS_OF : GENERATED_AS_OF);
  if (asOf === undefined) throw new Error('the built-in as-of is not an instant');
  const lookbackDays = flags.lookback ?? (oulad ? 31 : 30);
  if (lookbackDays <= flags.threshold) return `--lookback ${lookbackDays} must exceed --threshold ${flags.threshold}`;
  return {
    asOf,
    thresholdDays: flags.threshold,
    lookbackDays,
    proof: flags.proof,
    ownDatabase: flags.ownDatabase === true,
    data:
      flags.data === undefined
        ? { kind: 'generated', learners: flags.learners, days: flags.days, seed: flags.seed }
        : { kind: 'oulad', folder: flags.data },
  };
}

/** What differs from the default setup, one line each. */
export function variantOf({ proof, ownDatabase }: DemoVariant): readonly string[] {
  const offset = 'the source offset that Kafka Connect has committed';
  return [
    ...(proof === 'slot' ? [] : [`delivery is proven by ${proof === 'both' ? `the slot and ${offset}` : offset}`]),
    ...(ownDatabase ? ["own tables and weekly_kpi are in another database than the platform's tables"] : []),
  ];
}
