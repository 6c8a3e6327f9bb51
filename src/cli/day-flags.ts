/** Flags that take an instant; those of a backtest take a day. */
const INSTANTS: ReadonlySet<string> = new Set(['--as-of', '--from', '--to', '--since']);

/** What a day means where an instant is expected: one line for each on the command line. */
export function describeDays(args: readonly string[]): readonly string[] {
  return args.flatMap((arg, at) => {
    const [, flag = arg, joined] = /^(--[\w-]+)=(.*)$/s.exec(arg) ?? [];
    const day = joined ?? args[at + 1] ?? '';
    if (!INSTANTS.has(flag) || !/^\d{4}-\d\d-\d\d$/.test(day)) return [];
    return [`${flag} ${day} is ${day} 00:00 UTC, the start of that day`];
  });
}
