import process from 'node:process';

/** What standard output can show: its width, and colors unless NO_COLOR is set. */
export function outputDisplay(): { readonly width: number; readonly hasColors: boolean; readonly isTerminal: boolean } {
  const { stdout } = process;
  const isTerminal = stdout.isTTY === true;
  return {
    // Some terminals report 0 columns.
    width: (isTerminal && stdout.columns) || Number.POSITIVE_INFINITY,
    hasColors: isTerminal && stdout.hasColors(),
    isTerminal,
  };
}
