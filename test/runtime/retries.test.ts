import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isolateFailures } from '../../src/runtime/retries.ts';

class BadItem extends Error {}

const blame = (error: unknown) => (error instanceof BadItem ? 'bad' : undefined);

describe('isolateFailures', () => {
  it('does every good item exactly once and reports every bad one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 60 }), async (goodness) => {
        const items = goodness.map((good, index) => ({ good, index }));
        const done: number[] = [];
        const failed: number[] = [];
        await isolateFailures(
          items,
          async (some) => {
            if (some.some(({ good }) => !good)) throw new BadItem();
            done.push(...some.map(({ index }) => index));
          },
          blame,
          ({ index }) => failed.push(index),
        );
        expect(done).toEqual(items.filter(({ good }) => good).map(({ index }) => index));
        expect(failed).toEqual(items.filter(({ good }) => !good).map(({ index }) => index));
      }),
    );
  });

  it('calls the work once if nothing fails', async () => {
    let calls = 0;
    const work = async () => {
      calls += 1;
    };
    await isolateFailures([1, 2, 3], work, blame, () => {});
    await isolateFailures([], work, blame, () => {});
    expect(calls).toBe(1);
  });

  it('throws an error that no item caused, at any depth', async () => {
    const failed: number[] = [];
    const work = async (items: readonly number[]) => {
      if (items.length > 1) throw new BadItem();
      throw new Error('outage');
    };
    await expect(isolateFailures([1, 2, 3, 4], work, blame, (item) => failed.push(item))).rejects.toThrow('outage');
    expect(failed).toEqual([]);
  });
});
