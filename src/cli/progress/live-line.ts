/**
 * The last line of a terminal, replaced in place, while log lines and results are written above it. The cursor stays
 * visible and the modes of the terminal are not changed, so that nothing has to be restored after any kind of exit.
 */
export interface LiveLine {
  /** Shows the text that `lineOf` makes for a width, in place of the line before. */
  show(lineOf: (width: number) => string): void;
  /** Leaves the text on the screen and begins a new line; without a text, removes the line. */
  end(lineOf?: (width: number) => string): void;
  /** Writes whole lines above the line. */
  above(write: () => void): void;
}

const START_OF_LINE = '\r\u001b[K';
const DEFAULT_COLUMNS = 80;

export function createLiveLine(terminal: Pick<NodeJS.WriteStream, 'write' | 'columns'>): LiveLine {
  let shown = '';
  // A character in the last column may wrap the line. Some terminals report 0 columns.
  const width = () => (terminal.columns || DEFAULT_COLUMNS) - 1;
  return {
    show(lineOf) {
      const line = lineOf(width());
      if (line === shown) return;
      shown = line;
      terminal.write(START_OF_LINE + line);
    },
    end(lineOf) {
      const line = lineOf?.(width());
      if (line !== undefined) terminal.write(`${START_OF_LINE}${line}\n`);
      else if (shown !== '') terminal.write(START_OF_LINE);
      shown = '';
    },
    above(write) {
      if (shown === '') return write();
      terminal.write(START_OF_LINE);
      write();
      terminal.write(shown);
    },
  };
}
