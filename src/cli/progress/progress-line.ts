import type { Estimate } from './estimate.ts';

/** Names of an operation, for people. */
export interface ProgressText {
  readonly what: string;
  readonly unit: string;
}

const WIDEST_BAR = 40;
const NARROWEST_BAR = 5;

/** The line of a running operation, at most `width` characters. A narrow terminal gets fewer parts and a shorter bar. */
export function progressLine({ what, unit }: ProgressText, estimate: Estimate, width: number): string {
  const { done, total, elapsedMs, perSecond } = estimate;
  if (done === 0)
    return firstFitting(
      [
        [what, `0 of ${count(total)} ${unit}`, elapsed(elapsedMs)],
        [what, elapsed(elapsedMs)],
      ],
      width,
    );
  const percent = percentText(done, total);
  const counted = `${count(done)} of ${count(total)}`;
  const rate = rateText(perSecond);
  const left = leftText(estimate);
  const layouts = [
    [what, percent, `${counted} ${unit}`, rate, left],
    [what, percent, counted, rate, left],
    [what, percent, rate, left],
    [what, percent, left],
    [percent, left],
  ];
  const widest = layouts.find((parts) => join(parts).length + BETWEEN.length + NARROWEST_BAR <= width);
  if (widest === undefined) return firstFitting(layouts, width);
  const room = width - join(widest).length - BETWEEN.length;
  return join(
    widest.flatMap((part) => (part === percent ? [bar(done / total, Math.min(WIDEST_BAR, room)), part] : [part])),
  );
}

/** The line that stays after the operation. */
export function finalLine({ what, unit }: ProgressText, { done, total, elapsedMs }: Estimate, width: number): string {
  const counted = done < total ? `${count(done)} of ${count(total)}` : count(done);
  const took = `in ${elapsed(elapsedMs)}`;
  return firstFitting(
    [
      [what, `${counted} ${unit} ${took}`, rateText((done / elapsedMs) * 1_000)],
      [what, `${counted} ${unit} ${took}`],
      [what, `${counted} ${took}`],
      [what, counted],
    ],
    width,
  );
}

const BETWEEN = '  ';
const join = (parts: readonly string[]) => parts.join(BETWEEN);

/** The first layout that fits, or the last one cut. */
export function firstFitting(layouts: readonly (readonly string[])[], width: number): string {
  const lines = layouts.map(join);
  const line = lines.find((each) => each.length <= width) ?? lines.at(-1) ?? '';
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
}

function bar(share: number, width: number): string {
  const filled = Math.min(width, Math.floor(share * width));
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}

/** Below 10 % with a decimal, so that it moves. 100 % is left to the final line: totals are counted before the work. */
function percentText(done: number, total: number): string {
  const percent = (done / total) * 100;
  if (percent < 0.1) return '<0.1 %';
  return percent < 10 ? `${(Math.floor(percent * 10) / 10).toFixed(1)} %` : `${Math.min(99, Math.floor(percent))} %`;
}

function leftText({ secondsLeft }: Estimate): string {
  if (secondsLeft === 0) return 'finishing';
  return secondsLeft === undefined ? 'time left unknown' : `${duration(secondsLeft)} left`;
}

/** A rate of less than one per second is given per minute. */
export function rateText(perSecond: number): string {
  if (!Number.isFinite(perSecond)) return '';
  if (perSecond === 0) return '0/s';
  if (perSecond >= 10) return `${count(Math.round(perSecond))}/s`;
  return perSecond >= 1 ? `${perSecond.toFixed(1)}/s` : `${(perSecond * 60).toFixed(1)}/min`;
}

export const count = (number: number) => number.toLocaleString('en');

const elapsed = (ms: number) => duration(Math.floor(ms / 1_000));

/** The two largest units, such as `3 min 20 s`. */
export function duration(seconds: number): string {
  const units = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = units.findIndex(([number]) => number > 0);
  if (first === -1) return '0 s';
  return units
    .slice(first, first + 2)
    .filter(([number]) => number > 0)
    .map(([number, unit]) => `${number} ${unit}`)
    .join(' ');
}
