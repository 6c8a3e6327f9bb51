import type { Bench, Ratio } from '../bench.ts';
import { loadTopic } from '../load/load.ts';
import { jdbcSinkSide } from './jdbc-sink.ts';
import { kafkaStreamsSide } from './kafka-streams.ts';
import { trackSide } from './lastseen.ts';
import { kafkajsRawSide, kcatSide } from './raw.ts';

const rate = (of: string, to: string): Ratio => ({
  key: `${of}/${to}`,
  of: { side: of, figure: 'recordsPerSecond' },
  to: { side: to, figure: 'recordsPerSecond' },
});

const FULL_LOAD = { records: 1_000_000, learners: 100_000, rounds: 5 };

export const TRACK_BENCHES: readonly Bench[] = [
  {
    name: 'track.small',
    about: 'track from an empty table to the last row applied, records of a narrow table, beside its peers',
    defaults: FULL_LOAD,
    needs: ['kafka', 'registry', 'connect'],
    async sides(ground, options) {
      const load = await loadTopic(ground, { prefix: 'small', table: 'session', ...options });
      return [
        trackSide(ground, load),
        kafkajsRawSide(ground, load),
        kcatSide(ground, load),
        jdbcSinkSide(ground, load),
        kafkaStreamsSide(ground, load),
      ];
    },
    ratios: ['kafkajs.raw', 'kcat.raw', 'jdbc-sink', 'kafka-streams'].map((peer) => rate('track.small', peer)),
  },
  {
    name: 'track.large',
    about: 'the same with records that carry a JSON column of 1.5 kB',
    defaults: FULL_LOAD,
    needs: ['kafka', 'registry'],
    async sides(ground, options) {
      const load = await loadTopic(ground, { prefix: 'large', table: 'exam_results', ...options });
      return [trackSide(ground, load), kafkajsRawSide(ground, load)];
    },
    ratios: [rate('track.large', 'kafkajs.raw')],
  },
  {
    name: 'track.replayed',
    about: 'track over records that are applied already',
    defaults: FULL_LOAD,
    needs: ['kafka', 'registry'],
    async sides(ground, options) {
      const load = await loadTopic(ground, { prefix: 'again', table: 'session', ...options });
      return [trackSide(ground, load, { replayed: true }), kafkajsRawSide(ground, load)];
    },
    ratios: [rate('track.replayed', 'kafkajs.raw')],
  },
];
