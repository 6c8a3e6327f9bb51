import type { Finding } from '../preflight/finding.ts';

/** How wide a page may be, and whether it may have colors. */
export interface Display {
  readonly width: number;
  readonly hasColors: boolean;
}

/** A finding with the name of its check. */
export type NamedFinding = Finding & { readonly check: string };

export type Counts = Readonly<Record<Finding['status'], number>>;

const GAP = '  ';
const STATUS_WIDTH = 'skipped'.length;
/** A terminal that is narrower gets longer lines than it has columns. */
const MIN_TEXT = 24;

/**
 * One finding per line if the width has no limit, so that other programs can search it. On a terminal the text is wrapped
 * beside the name of the check, and the hint begins a line of its own.
 */
export function findingsPage(findings: readonly NamedFinding[], counts: Counts, display: Display): string {
  const nameWidth = Math.max(...findings.map(({ check }) => check.length));
  const indent = STATUS_WIDTH + nameWidth + 2 * GAP.length;
  const blocks = findings.map((finding) => {
    const head = [paint(finding.status, display), finding.check.padEnd(nameWidth)].join(GAP);
    const texts = textsOf(finding);
    if (display.width === Number.POSITIVE_INFINITY) return `${head}${GAP}${texts.join(' ')}`;
    const width = Math.max(MIN_TEXT, display.width - indent);
    return [head, texts.flatMap((text) => wrap(text, width)).join(`\n${' '.repeat(indent)}`)].join(GAP);
  });
  const { ok, warning, failed, skipped } = counts;
  return [
    ...blocks,
    '',
    `${ok} ok, ${warning} ${warning === 1 ? 'warning' : 'warnings'}, ${failed} failed, ${skipped} skipped`,
  ].join('\n');
}

function textsOf(finding: NamedFinding): readonly string[] {
  if (!('hint' in finding)) return [finding.message];
  return [finding.message, `→ ${finding.hint}${finding.page === undefined ? '' : ` (${finding.page})`}`];
}

const COLORS: Readonly<Record<Finding['status'], number>> = { ok: 32, warning: 33, failed: 31, skipped: 90 };

function paint(status: Finding['status'], { hasColors }: Display): string {
  const text = status.padEnd(STATUS_WIDTH);
  return hasColors ? `\u001b[${COLORS[status]}m${text}\u001b[39m` : text;
}

/** Breaks between words; within a word only if it does not fit a line. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').flatMap((each) => pieces(each, width))) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function pieces(word: string, width: number): readonly string[] {
  return word.match(new RegExp(`.{1,${width}}`, 'gu')) ?? [''];
}
