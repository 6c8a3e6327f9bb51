import { hash } from 'node:crypto';
import type { Draw } from './habits.ts';

/** Draws in [0, 1) that depend on the seed text alone (sfc32, seeded by its md5). */
export function seededDraws(seed: string): Draw {
  const digits = hash('md5', seed);
  const word = (n: number) => Number.parseInt(digits.slice(n * 8, n * 8 + 8), 16) | 0;
  let [a, b, c, d] = [word(0), word(1), word(2), word(3)];
  return () => {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 2 ** 32;
  };
}

/** A whole number around `mean`, never negative: its whole part, and one more with the chance of the rest. */
export function drawCount(draw: Draw, mean: number): number {
  const wide = mean * (0.5 + draw());
  return Math.floor(wide) + (draw() < wide % 1 ? 1 : 0);
}

/** A whole number from `from` to `to`, both included. */
export function drawWhole(draw: Draw, from: number, to: number): number {
  return from + Math.floor(draw() * (to - from + 1));
}

/** A UUID (version 4 in form) that depends on the text alone. */
export function seededUuid(text: string): string {
  const digits = hash('md5', text);
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `4${digits.slice(13, 16)}`,
    `8${digits.slice(17, 20)}`,
    digits.slice(20),
  ].join('-');
}
