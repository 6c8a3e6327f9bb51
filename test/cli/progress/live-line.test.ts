import { expect, it } from 'vitest';
import { createLiveLine } from '../../../src/cli/progress/live-line.ts';

const ERASE = '\u001b[K';

/** A terminal that knows a carriage return, a line end, and the sequence that erases the rest of a line. */
function createScreen(columns: number) {
  const lines = [''];
  let column = 0;
  const apply = (part: string) => {
    const line = lines.at(-1) ?? '';
    if (part === '\r') column = 0;
    else if (part === ERASE) lines[lines.length - 1] = line.slice(0, column);
    else if (part === '\n') {
      lines.push('');
      column = 0;
    } else {
      lines[lines.length - 1] = line.slice(0, column) + part + line.slice(column + part.length);
      column += part.length;
    }
  };
  return {
    columns,
    write(text: string) {
      for (const row of text.split(/([\r\n])/)) {
        const [first = '', ...rest] = row.split(ERASE);
        apply(first);
        for (const part of rest) {
          apply(ERASE);
          apply(part);
        }
      }
      return true;
    },
    state: () => ({ lines, column }),
  };
}

it('is replaced in place, with log lines above it, and leaves the cursor in a new line', () => {
  const screen = createScreen(40);
  const live = createLiveLine(screen);
  live.show(() => 'a long line, 10 %');
  live.show(() => 'line, 20 %');
  screen.write('^C');
  live.above(() => screen.write('a log line\n'));
  expect(screen.state()).toEqual({ lines: ['a log line', 'line, 20 %'], column: 10 });
  live.end(() => 'done');
  live.above(() => screen.write('another\n'));
  expect(screen.state()).toEqual({ lines: ['a log line', 'done', 'another', ''], column: 0 });
});

it('is removed at an end without a text', () => {
  const screen = createScreen(40);
  const live = createLiveLine(screen);
  live.show(() => 'line, 20 %');
  live.end();
  live.end();
  expect(screen.state()).toEqual({ lines: [''], column: 0 });
});

it('gives its text one column less than the terminal has, or 79 if the terminal reports none', () => {
  const widths: number[] = [];
  for (const columns of [40, 0]) createLiveLine(createScreen(columns)).show((width) => `${widths.push(width)}`);
  expect(widths).toEqual([39, 79]);
});
