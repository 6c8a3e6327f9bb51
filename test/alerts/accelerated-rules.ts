import { parse, stringify } from 'yaml';

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string; for?: string }[];
  }[];
}

/** So many seconds of the rules pass in one. */
const FACTOR = 60;
/** A range must hold the longest pauses: between two waits for an outage, and two commits that the driver gives up. */
const SHORTEST_RANGE_S = 40;
/** Of what is to last a day or more nobody waits for a sixtieth. */
const LONGEST_FOR_S = 15;

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/**
 * The rules with all times shortened: how long a condition must last, ranges, and levels of seconds. Levels of what is
 * counted are as they were, and those of timestamps: the tables can say that a sweep was yesterday. The durations themselves are
 * tested by promtool.
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
