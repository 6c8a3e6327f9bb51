import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/activity/activity.ts';
import { type ActivityPolicy, neededColumns } from '../../src/activity/activity-of.ts';
import { formatInstant } from '../../src/activity/instant.ts';
import { SOURCES, type Source } from '../../src/activity/source.ts';
import { createDecoder } from '../../src/registry/decoder.ts';
import { must } from '../../src/runtime/must.ts';
import { outcomeOfChange } from '../activity/outcome-of.ts';
import { type CapturedRecord, readGoldenRecords } from '../fixtures/golden-records.ts';
import { fakeRegistry } from './avro.ts';

/**
 * Records that Debezium wrote for the statements of `test/fixtures/statements.ts`, with their expected outcomes, written
 * by hand in the order of the statements.
 */
const POLICY: ActivityPolicy = { attemptSource: 'exam_results', maxClockSkewUs: 600_000_000n };
const UUID = '0195d2a0-abcd-7000-8000-00000000000f';

const EXAM_RESULTS_ROWS = [
  'exam_results of ada at 2024-03-16T05:00:00.000001Z', // the snapshot's
  'exam_results of bob at 2024-03-16T05:00:00.500000Z', // a result without questions is not an attempt
  'exam_results of bob at 2024-03-16T06:00:00.123456Z',
  'exam_results of cy at 2024-03-16T07:00:00.000000Z, attempt of cy at 2024-03-16T07:00:00.000000Z',
  'exam_results of cy at 2024-03-16T07:30:00.000000Z', // the update has no questions (TOAST)
  'skipped: no_learner',
  'dead letter: instant_in_future', // infinity
  'dead letter: instant_too_old', // -infinity
];
const AFTER_KEY_CHANGE = 'exam_results of ada at 2024-03-16T05:00:00.000001Z';
const AFTER_NEW_COLUMN = 'exam_results of Ada at 2024-03-17T05:00:00.000000Z';
const FEATURES = ['features_topic_daily of ada at 2024-03-16T05:00:00.654321Z', 'skipped: no_instant'];
const ATTEMPTS = [`attempt of ${UUID} at 2024-03-16T09:00:00.999999Z`, 'skipped: no_learner'];
const SESSIONS = [
  'session of ada at 2024-03-16T04:00:00.000002Z',
  'session of ada at 2024-03-16T04:45:00.000003Z',
  'dead letter: missing_column', // the removed column
];

const ENVELOPES = {
  'public.exam_results': [
    ...EXAM_RESULTS_ROWS,
    ...['skipped: delete', 'skipped: tombstone', AFTER_KEY_CHANGE],
    ...['skipped: delete', 'skipped: tombstone', AFTER_NEW_COLUMN, 'skipped: truncate'],
  ],
  'public.features_topic_daily': FEATURES,
  'public.attempt': ATTEMPTS,
  'public.session': SESSIONS,
  message: ['skipped: message'],
  transaction: ['skipped: transaction', 'skipped: transaction'],
  heartbeat: ['skipped: heartbeat'],
  'public.debezium_signal': ['skipped: signal'],
};

const FLATTENED = {
  'public.exam_results': [
    ...EXAM_RESULTS_ROWS,
    'skipped: delete',
    AFTER_KEY_CHANGE,
    'skipped: delete',
    AFTER_NEW_COLUMN,
  ],
  'public.features_topic_daily': FEATURES,
  'public.attempt': ATTEMPTS,
  'public.session': SESSIONS,
};

/** Timestamps without a time zone, and dates: their precision depends on the connector's mode. */
const zoneless = (started: string, infinity: string, minusInfinity: string, infiniteDate: string) => ({
  'notz.session': [
    `session of ada at ${started}`,
    'session of ada at 2024-03-16T06:00:00.789000Z',
    `dead letter: ${infinity}`,
    `dead letter: ${minusInfinity}`,
  ],
  'notz.attempt': [`attempt of ${UUID} at 2024-03-16T00:00:00.000000Z`, `dead letter: ${infiniteDate}`],
});
const MICROS = '2024-03-16T05:00:00.123456Z';
const MILLIS = '2024-03-16T05:00:00.123000Z';
// The infinity of a date overflows Debezium's count of days and becomes a date in the distant past.
const IN_AVRO = ['instant_in_future', 'instant_too_old', 'instant_too_old'] as const;
// Without a unit the integers for -infinity are in no range of a unit.
const IN_JSON = ['instant_in_future', 'bad_instant', 'bad_instant'] as const;

const EXPECTED: Record<string, Record<string, string[]>> = {
  avro: ENVELOPES,
  json: ENVELOPES,
  'json with schema': {
    'public.exam_results': ENVELOPES['public.exam_results'].slice(0, 3),
    'public.attempt': ATTEMPTS.slice(0, 1),
    message: ['skipped: message'],
    transaction: ['skipped: transaction'],
    heartbeat: ['skipped: heartbeat'],
  },
  'flattened avro': FLATTENED,
  'flattened json': FLATTENED,
  'flattened json with schema': {
    'public.exam_results': FLATTENED['public.exam_results'].slice(0, 3),
    'public.attempt': ATTEMPTS.slice(0, 1),
  },
  'adaptive avro': zoneless(MICROS, ...IN_AVRO),
  'adaptive json': zoneless(MICROS, ...IN_JSON),
  'adaptive_time_microseconds avro': zoneless(MICROS, ...IN_AVRO),
  'adaptive_time_microseconds json': zoneless(MICROS, ...IN_JSON),
  'connect avro': zoneless(MILLIS, ...IN_AVRO),
  'connect json': zoneless(MILLIS, ...IN_JSON),
  'isostring avro': zoneless(MICROS, ...IN_AVRO),
  'isostring json': zoneless(MICROS, ...IN_AVRO),
  'microseconds avro': zoneless(MICROS, ...IN_AVRO),
  'microseconds json': zoneless(MICROS, ...IN_JSON),
  'nanoseconds avro': zoneless(MICROS, ...IN_AVRO),
  'nanoseconds json': zoneless(MICROS, ...IN_JSON),
};

const golden = readGoldenRecords();
const decoder = createDecoder({
  registry: fakeRegistry(golden.schemas as Record<number, object>),
  neededColumns: (source) => neededColumns(source, POLICY.attemptSource),
});

/** Records of other topics have the same outcome for any source. */
function sourceOf(topic: string): Source {
  return SOURCES.find((source) => topic.endsWith(`.${source}`)) ?? 'session';
}

async function outcomeOf({ topic, value, timestamp }: CapturedRecord): Promise<Outcome> {
  const record = { key: null, value: value === null ? null : Buffer.from(value, 'base64'), timestamp, offset: '0' };
  await decoder.prepare([record]);
  const source = sourceOf(topic);
  return outcomeOfChange(source, decoder.decode(source, record), Number(timestamp), POLICY);
}

function inWords(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'applied':
      return outcome.activities
        .map(({ source, userId, studentId, at }) => `${source} of ${userId ?? studentId} at ${formatInstant(at)}`)
        .join(', ');
    case 'skipped':
      return `skipped: ${outcome.reason}`;
    case 'deadLetter':
      return `dead letter: ${outcome.reason}`;
  }
}

describe('a record that Debezium wrote', () => {
  for (const [capture, topics] of Object.entries(EXPECTED)) {
    it.each(Object.entries(topics))(`as ${capture} to %s has the expected outcome`, async (topic, expected) => {
      const records = golden.records.filter((record) => record.capture === capture && record.topic === topic);
      const outcomes = await Promise.all(records.map(outcomeOf));
      expect(outcomes.map(inWords)).toEqual(expected);
    });
  }

  it('has an expected outcome, each of them', () => {
    const expected = Object.values(EXPECTED).flatMap((topics) => Object.values(topics).flat());
    expect(expected).toHaveLength(golden.records.length);
  });

  it('never makes the decoder throw after bytes were changed, removed or appended', async () => {
    const withValue = golden.records.filter(({ value }) => value !== null);
    const mutated = fc.record({
      record: fc.constantFrom(...withValue),
      changes: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
      cut: fc.option(fc.nat(), { freq: 2 }),
      more: fc.uint8Array({ maxLength: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(mutated, async ({ record, changes, cut, more }) => {
        const bytes = Buffer.from(must(record.value, 'the record has a value'), 'base64');
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        const end = cut === null ? bytes.length : cut % bytes.length;
        const value = Buffer.concat([bytes.subarray(0, end), more]).toString('base64');
        const outcome = await outcomeOf({ ...record, value });
        if (outcome.kind === 'deadLetter') expect(outcome.detail.length).toBeLessThan(120);
      }),
      { numRuns: 1000 },
    );
  });

  it('has the commit time of its transaction in microseconds, if it is an envelope', async () => {
    const [record] = golden.records.filter(({ capture, topic }) => capture === 'avro' && topic === 'public.attempt');
    const [bare] = golden.records.filter(({ capture, topic }) => capture === 'json' && topic === 'public.attempt');
    for (const each of [record, bare]) {
      const { value: text, timestamp } = must(each, 'the capture has an attempt');
      const value = Buffer.from(must(text, 'the record has a value'), 'base64');
      const envelope = { key: null, value, timestamp: '0', offset: '0' };
      await decoder.prepare([envelope]);
      const change = decoder.decode('attempt', envelope);
      const committedAt = must(change.kind === 'row' ? change.committedAt : null, 'the envelope has a commit time');
      expect(committedAt % 1000n).not.toBe(0n);
      expect(Math.abs(Number(committedAt / 1000n) - Number(timestamp))).toBeLessThan(60_000);
    }
  });
});
