import { table } from '../cli/tables.ts';
import type { BacktestDay } from './pipeline.ts';

export function backtestPage(days: readonly BacktestDay[]): string {
  return table(
    ['day', 'active', 'inactive', 'unresolved', 'crossed', 'ongoing', 'returned'],
    days.map((day) => [day.sweepOn, day.active, day.inactive, day.unresolved, day.crossed, day.ongoing, day.returned]),
  );
}
