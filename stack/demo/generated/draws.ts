import { hash } from 'node:crypto';
import type { Random } from '../../random.ts';

/** A whole number from 0 to 1.5 × `mean`, rounded up. On average it is `mean`. */
export function drawCount(draw: Random, mean: number): number {
  const wide = mean * (0.5 + draw());
  return Math.floor(wide) + (draw() < wide % 1 ? 1 : 0);
}

/** A whole number from `from` to `to`, both included. */
export function drawWhole(draw: Random, from: number, to: number): number {
  return from + Math.floor(draw() * (to - from + 1));
}

/** A UUID in the form of version 4. It depends only on the text. */
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
