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
  it('passes accepted results', () => {
    expect(judge(measured({}), accepted).worse).toEqual([]);
  });

  it('reports figures that cost more or are slower than accepted', () => {
    const worse = { 'track.small cpu/kafkajs.raw cpu': 20, 'track.small/kafkajs.raw': 2 };
    expect(judge(measured(worse), accepted).worse).toEqual([
      'track.small/kafkajs.raw',
      'track.small cpu/kafkajs.raw cpu',
    ]);
  });

  it('passes figures that cost less or are faster', () => {
    const better = { 'track.small cpu/kafkajs.raw cpu': 1, 'track.small/kafkajs.raw': 100 };
    expect(judge(measured(better), accepted).worse).toEqual([]);
  });

  it('reports a figure without an accepted value, and one that was not measured', () => {
    const { 'track.small/kafkajs.raw': _, ...others } = accepted;
    expect(judge(measured({}), others).worse).toEqual(['track.small/kafkajs.raw']);
    const key = 'track.replayed wal bytes per record';
    expect(judge(measured({ [key]: Number.NaN }), accepted).worse).toEqual([key]);
  });

  it('has an accepted value for each measured figure', () => {
    expect(Object.keys(acceptedNow)).toEqual(GUARD.ratios.map(({ key }) => key));
  });
});
