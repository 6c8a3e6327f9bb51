import { type ActivityView, VIEW_DAYS } from './history.ts';

/** One input of the model. `range` is that of its value, in `unit`. */
interface Feature {
  readonly name: string;
  readonly unit: string;
  readonly range: readonly [number, number];
  readonly formula: string;
}

/** Log(1 + days) of the silences at which its slope may change. */
const HINGES = [1, 3, 6, 9, 13, 20, 30] as const;
const ACTIVE_WITHIN = [3, 7, 14, 28, 42] as const;
const BEFORE_SILENCE = [7, 28] as const;
const WEEKS = VIEW_DAYS / 7;
/** A longer silence, tenure or time since an exam counts as this many days. */
const MOST_DAYS = 3_650;
const MOST_LOG = Math.log1p(MOST_DAYS);
/** A kind of activity that is older, or was never seen, counts as this many days ago. */
const LONG_AGO = VIEW_DAYS + 1;
/** A longer gap counts as ended too late. */
const SOON_DAYS = 14;
const KINDS = ['exam', 'practice', 'content'] as const;

const days = (most: number): Pick<Feature, 'unit' | 'range'> => ({ unit: 'days', range: [0, most] });
const log = (most: number): Pick<Feature, 'unit' | 'range'> => ({ unit: 'log days', range: [0, Math.log1p(most)] });
const share = { unit: 'share', range: [0, 1] } as const;

/** The inputs of S, in the order in which {@link writeFeatures} writes them. The docs have this table. */
export const FEATURES: readonly Feature[] = [
  { name: 'silence', ...log(MOST_DAYS), formula: 'log(1 + k); k: days since the last day of activity' },
  ...HINGES.map((at) => ({
    name: `silence_over_${at}`,
    unit: 'log days',
    range: [0, MOST_LOG - Math.log1p(at)] as const,
    formula: `max(0, log(1 + k) − log(1 + ${at}))`,
  })),
  ...ACTIVE_WITHIN.map((within) => ({
    name: `active_${within}`,
    ...days(within + 1),
    formula: `active days among the ${within} before the as-of, and on its day`,
  })),
  { name: 'active_per_week', ...days(7), formula: '7 · active_42 / days of tenure (at most 42), at most 7' },
  {
    name: 'active_weeks',
    unit: 'weeks',
    range: [0, WEEKS],
    formula: 'active weeks among the 6 before the as-of; its day counts for the last one',
  },
  ...BEFORE_SILENCE.map((within) => ({
    name: `active_${within}_before`,
    ...days(within),
    formula: `active days among the ${within} that end with the last active one, none before the last 42`,
  })),
  {
    name: 'gaps',
    unit: 'log gaps',
    range: [0, Math.log1p(VIEW_DAYS)],
    formula: 'log(1 + n); n: gaps between active days of the last 42',
  },
  { name: 'gap_mean', ...log(VIEW_DAYS), formula: 'log(1 + their mean length); 0 without gaps' },
  { name: 'gap_spread', ...log(VIEW_DAYS), formula: 'log(1 + their standard deviation)' },
  { name: 'gap_longest', ...log(VIEW_DAYS), formula: 'log(1 + the longest)' },
  {
    name: 'gaps_longer',
    unit: 'log gaps',
    range: [0, Math.log1p(VIEW_DAYS)],
    formula: 'log(1 + m); m: gaps longer than k',
  },
  { name: 'gaps_longer_share', ...share, formula: '(m + 0.5) / (n + 1)' },
  {
    name: 'returned_share',
    ...share,
    formula: `(those of m that ended within ${SOON_DAYS} more days + 0.5) / (m + 1)`,
  },
  {
    name: 'silence_to_longest',
    unit: 'ratio',
    range: [0, 2],
    formula: 'k / the longest gap, at most 2; 2 without gaps',
  },
  { name: 'tenure', ...log(MOST_DAYS), formula: 'log(1 + days since the first activity)' },
  { name: 'tenure_within_42', ...log(VIEW_DAYS), formula: 'the same, at most 42 days' },
  ...KINDS.flatMap((kind) => [
    {
      name: `since_${kind}`,
      ...log(LONG_AGO),
      formula: `log(1 + days since the last ${kind}), at most ${LONG_AGO} days`,
    },
    {
      name: `no_${kind}`,
      unit: 'flag',
      range: [0, 1] as const,
      formula: `1 if there was no ${kind} in the last 42 days`,
    },
  ]),
  { name: 'exam_days', ...log(VIEW_DAYS), formula: 'log(1 + days with an exam among the last 42)' },
];

export const FEATURE_COUNT = FEATURES.length;

/** Writes all features of a view from `at` on. It allocates nothing. */
export function writeFeatures(view: ActivityView, out: Float64Array, at: number): void {
  const { active, silentDays, tenureDays } = view;
  let next = at;
  const put = (value: number) => {
    out[next++] = value;
  };
  const silence = Math.log1p(Math.min(silentDays, MOST_DAYS));
  put(silence);
  for (const hinge of HINGES) put(Math.max(0, silence - Math.log1p(hinge)));
  for (const within of ACTIVE_WITHIN) put(countActive(active, 0, within + 1));
  const activeDays = countActive(active, 0, VIEW_DAYS + 1);
  put(Math.min(7, (7 * activeDays) / Math.min(VIEW_DAYS, Math.max(1, tenureDays))));
  put(activeWeeks(active));
  for (const within of BEFORE_SILENCE) put(countActive(active, silentDays, silentDays + within));
  const gaps = gapsOf(active, silentDays);
  put(Math.log1p(gaps.count));
  put(Math.log1p(gaps.mean));
  put(Math.log1p(gaps.spread));
  put(Math.log1p(gaps.longest));
  put(Math.log1p(gaps.longer));
  put((gaps.longer + 0.5) / (gaps.count + 1));
  put((gaps.longerButSoon + 0.5) / (gaps.longer + 1));
  put(gaps.longest === 0 ? 2 : Math.min(2, silentDays / gaps.longest));
  put(Math.log1p(Math.min(tenureDays, MOST_DAYS)));
  put(Math.log1p(Math.min(tenureDays, VIEW_DAYS)));
  putSince(view.sinceExam, put);
  putSince(view.sincePractice, put);
  putSince(view.sinceContent, put);
  put(Math.log1p(view.examDays));
}

function putSince(sinceDays: number, put: (value: number) => void): void {
  put(Math.log1p(Math.min(sinceDays, LONG_AGO)));
  put(sinceDays <= VIEW_DAYS ? 0 : 1);
}

/** Active days from `from` days before the day of the as-of until less than `to` days before it. */
function countActive(active: Uint8Array, from: number, to: number): number {
  let count = 0;
  for (let ago = from; ago < Math.min(to, VIEW_DAYS + 1); ago++) count += active[ago] ?? 0;
  return count;
}

function activeWeeks(active: Uint8Array): number {
  let weeks = 0;
  for (let week = 0; week < WEEKS; week++) {
    if (countActive(active, week === 0 ? 0 : 7 * week + 1, 7 * week + 8) > 0) weeks++;
  }
  return weeks;
}

interface Gaps {
  readonly count: number;
  /** In days from one active day to the next, so 1 for two days in a row. */
  readonly mean: number;
  readonly spread: number;
  readonly longest: number;
  /** Longer than the present silence. */
  readonly longer: number;
  /** Of these, ended within {@link SOON_DAYS} days more. */
  readonly longerButSoon: number;
}

function gapsOf(active: Uint8Array, silentDays: number): Gaps {
  let [count, sum, squares, longest, longer, longerButSoon] = [0, 0, 0, 0, 0, 0];
  let last = -1;
  for (let ago = 0; ago <= VIEW_DAYS; ago++) {
    if (active[ago] !== 1) continue;
    if (last >= 0) {
      const gap = ago - last;
      count++;
      sum += gap;
      squares += gap * gap;
      longest = Math.max(longest, gap);
      if (gap > silentDays) {
        longer++;
        if (gap <= silentDays + SOON_DAYS) longerButSoon++;
      }
    }
    last = ago;
  }
  const mean = count === 0 ? 0 : sum / count;
  const spread = count === 0 ? 0 : Math.sqrt(Math.max(0, squares / count - mean * mean));
  return { count, mean, spread, longest, longer, longerButSoon };
}
