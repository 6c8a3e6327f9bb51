import { OULAD, ouladIsThere } from '../../test/support/oulad-files.ts';
import type { Bench, Ratio } from '../bench.ts';
import { ouladActivity } from '../load/activity.ts';
import { loadTopic } from '../load/load.ts';
import { instancesSide } from './instances.ts';
import { jdbcSinkSide } from './jdbc-sink.ts';
import { kafkaStreamsSide } from './kafka-streams.ts';
import { trackSide } from './lastseen.ts';
import { kafkajsRawSide, kcatSide } from './raw.ts';
import { steadySide } from './steady.ts';

const rate = (side: string, other: string): Ratio => ({
  key: `${side}/${other}`,
  numerator: { side, figure: 'recordsPerSecond' },
  denominator: { side: other, figure: 'recordsPerSecond' },
});

const FULL_LOAD = { records: 1_000_000, learners: 100_000, rounds: 5 };

export const TRACK_BENCHES: readonly Bench[] = [
  {
    name: 'track.small',
    about:
      'track from an empty table to the last row applied with records of a narrow table, compared with other programs',
    defaults: FULL_LOAD,
    needs: ['kafka', 'registry', 'connect'],
    async sides(harness, options) {
      const load = await loadTopic(harness, { prefix: 'small', table: 'session', ...options });
      return [
        trackSide(harness, load),
        kafkajsRawSide(harness, load),
        kafkajsRawSide(harness, load, 'inline'),
        kcatSide(harness, load),
        jdbcSinkSide(harness, load),
        kafkaStreamsSide(harness, load, 2),
        kafkaStreamsSide(harness, load, 1),
      ];
    },
    ratios: [
      ...[
        'kafkajs.raw',
        'kafkajs.raw.inline',
        'kcat.raw',
        'jdbc-sink',
        'kafka-streams',
        'kafka-streams.one-thread',
      ].map((peer) => rate('track.small', peer)),
      {
        key: 'CPU a record: kafka-streams/track.small',
        numerator: { side: 'kafka-streams', figure: 'cpuUsPerRecord' },
        denominator: { side: 'track.small', figure: 'cpuUsPerRecord' },
      },
    ],
  },
  {
    name: 'track.large',
    about: 'the same for records with a JSON column of 1.5 kB',
    defaults: FULL_LOAD,
    needs: ['kafka', 'registry'],
    async sides(harness, options) {
      const load = await loadTopic(harness, { prefix: 'large', table: 'exam_results', ...options });
      return [trackSide(harness, load), kafkajsRawSide(harness, load), kafkajsRawSide(harness, load, 'inline')];
    },
    ratios: [rate('track.large', 'kafkajs.raw'), rate('track.large', 'kafkajs.raw.inline')],
  },
  {
    name: 'track.replayed',
    about: 'track over records that were applied before',
    defaults: FULL_LOAD,
    needs: ['kafka', 'registry'],
    async sides(harness, options) {
      const load = await loadTopic(harness, { prefix: 'again', table: 'session', ...options });
      return [trackSide(harness, load, { replayed: true }), kafkajsRawSide(harness, load)];
    },
    ratios: [rate('track.replayed', 'kafkajs.raw')],
  },
  {
    name: 'track.oulad',
    about: 'track over one year of 13,529 real learners (the OULAD files), compared with the bare driver',
    defaults: { records: 1_427_297, learners: 13_529, rounds: 5 },
    needs: ['kafka', 'registry'],
    async sides(harness, { learners }) {
      if (!ouladIsThere) {
        harness.note(`  left out: no OULAD files in ${OULAD}; set OULAD_DIR to their folder`);
        return [];
      }
      const activity = await ouladActivity(OULAD);
      const { records } = activity;
      const load = await loadTopic(harness, { prefix: 'oulad', table: 'session', records, learners, activity });
      return [trackSide(harness, load, { name: 'track.oulad' }), kafkajsRawSide(harness, load)];
    },
    ratios: [rate('track.oulad', 'kafkajs.raw')],
  },
  {
    name: 'track.instances',
    about: 'one, two and four instances of track over 16 partitions',
    defaults: { ...FULL_LOAD, records: 3_000_000, rounds: 3 },
    needs: ['kafka', 'registry'],
    async sides(harness, options) {
      const load = await loadTopic(harness, { prefix: 'shared', table: 'session', partitions: 16, ...options });
      return [1, 2, 4].map((instances) => instancesSide(harness, load, instances));
    },
    ratios: [rate('instances.2', 'instances.1'), rate('instances.4', 'instances.1')],
  },
  {
    name: 'track.steady',
    about: 'memory of track for at least ten minutes while one process writes to the topic as fast as it can',
    defaults: { records: 24_000_000, learners: 1_000_000, rounds: 1 },
    warmUp: false,
    needs: ['kafka', 'registry'],
    sides: async (harness, options) => [steadySide(harness, options)],
    ratios: [
      {
        key: 'track.steady last minute/second minute',
        numerator: { side: 'track.steady', figure: 'rssMbInLastMinute' },
        denominator: { side: 'track.steady', figure: 'rssMbInSecondMinute' },
      },
    ],
  },
];
