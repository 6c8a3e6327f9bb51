import { describe, expect, it } from 'vitest';
import acceptedNow from '../../bench/accepted.json' with { type: 'json' };
import { GUARD, judge } from '../../bench/guard.ts';
import { spreadOf } from '../../bench/statistics.ts';

const accepted = Object.fromEntries(GUARD.ratios.map(({ key }) => [key, 10]));
const measured = (figures: Readonly<Record<string, number>>) => ({
  ratios: Object.fromEntries(
    Object.entries({ ...accepted, ...figures }).map(([key, value]) => [key, spreadOf([value])]),
  ),
});

describe('the guard', () => {
  it('lets pass what is as it was accepted', () => {
    expect(judge(measured({}), accepted).worse).toEqual([]);
  });

  it('names what costs more than was accepted, and what is slower', () => {
    const worse = { 'track.small cpu/kafkajs.raw cpu': 20, 'track.small/kafkajs.raw': 2 };
    expect(judge(measured(worse), accepted).worse).toEqual([
      'track.small/kafkajs.raw',
      'track.small cpu/kafkajs.raw cpu',
    ]);
  });

  it('lets pass what costs less and what is faster', () => {
    const better = { 'track.small cpu/kafkajs.raw cpu': 1, 'track.small/kafkajs.raw': 100 };
    expect(judge(measured(better), accepted).worse).toEqual([]);
  });

  it('names a figure that was never accepted, and one that was not measured', () => {
    const { 'track.small/kafkajs.raw': _, ...others } = accepted;
    expect(judge(measured({}), others).worse).toEqual(['track.small/kafkajs.raw']);
    const key = 'track.replayed wal bytes a record';
    expect(judge(measured({ [key]: Number.NaN }), accepted).worse).toEqual([key]);
  });

  it('has a figure accepted for each that it measures', () => {
    expect(Object.keys(acceptedNow)).toEqual(GUARD.ratios.map(({ key }) => key));
  });
});
