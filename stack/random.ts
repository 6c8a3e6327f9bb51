import { createHash } from 'node:crypto';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/** Returns a number in [0, 1). */
export type Random = () => number;

/** The same seed gives the same numbers in every run. The md5 of the seed is the generator's whole state. */
export function createRandom(seed: string): Random {
  const digest = createHash('md5').update(seed).digest();
  const generator = xoroshiro128plusFromState([0, 4, 8, 12].map((offset) => digest.readInt32LE(offset)));
  return () => uniformFloat64(generator);
}
