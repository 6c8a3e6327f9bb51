const WIDTH = 30;

/** The progress of a step as a bar with numbers. */
export function progressBar(done: number, total: number, unit: string): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.floor(share * WIDTH);
  const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
  const percent = `${Math.floor(share * 100)}`.padStart(3);
  return `${bar} ${percent} %  ${done.toLocaleString('en')} of ${total.toLocaleString('en')} ${unit}`;
}
