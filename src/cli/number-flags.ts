import { InvalidArgumentError } from 'commander';

/** Reads the whole number of a flag, above 0. */
export function readPositive(text: string): number {
  return readWhole(text, 1, 'above 0');
}

/** Reads the whole number of a flag, 0 or more. */
export function readCount(text: string): number {
  return readWhole(text, 0, 'of 0 or more');
}

function readWhole(text: string, least: number, range: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number) || number < least) {
    throw new InvalidArgumentError(`It must be a whole number ${range}.`);
  }
  return number;
}
