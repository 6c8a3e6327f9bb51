import { parse, stringify } from 'yaml';

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string; for?: string }[];
  }[];
}

/** How many times faster the rules run than in production. */
const FACTOR = 60;
/** A range must be longer than the longest pauses: between two retries in an outage, and between two failed commits. */
const SHORTEST_RANGE_S = 40;
/** A sixtieth of a day would still be too long to wait for. */
const LONGEST_FOR_S = 15;

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/**
 * The rules with all durations shortened: `for`, ranges, and thresholds in seconds. Thresholds of counts do not change, nor
 * do those of timestamps, because a fault can set back the timestamps in the tables. The durations themselves are tested by
 * promtool.
 */
export function acceleratedRules(text: string): string {
  const { groups } = parse(text) as Rules;
  return stringify({
    groups: groups.map((group) => ({
      ...group,
      rules: group.rules.map((rule) => ({
        ...rule,
        expr: rule.expr
          .replace(/\[(\d+[smhd])\]/g, (_, range: string) => `[${Math.max(shortened(range), SHORTEST_RANGE_S)}s]`)
          .replace(
            /((?<!timestamp)_seconds\) > )(\d+)/g,
            (_, before: string, level: string) => `${before}${Number(level) / FACTOR}`,
          ),
        ...(rule.for === undefined ? {} : { for: `${Math.min(shortened(rule.for), LONGEST_FOR_S)}s` }),
      })),
    })),
  });
}

function shortened(duration: string): number {
  const seconds = Number(duration.slice(0, -1)) * SECONDS[duration.slice(-1) as keyof typeof SECONDS];
  return Math.max(1, Math.round(seconds / FACTOR));
}
