import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type ActivityPolicy, neededColumns } from '../../src/activity/activity-of.ts';
import { formatInstant } from '../../src/activity/instant.ts';
import type { Source } from '../../src/activity/source.ts';
import { createDecoder } from '../../src/registry/decoder.ts';
import { outcomeOfChange } from '../activity/outcome-of.ts';
import { avroRecord, fakeRegistry } from './avro.ts';
import { connectType, envelope, envelopeSchema } from './debezium-schemas.ts';

/**
 * In Avro a learner and an instant are read from the bytes if they have the usual form, otherwise from their text; in JSON
 * always from their text. The outcomes must be equal.
 */
const POLICY: ActivityPolicy = { attemptSource: 'topic', maxClockSkewUs: 600_000_000n };

const SCHEMA = envelopeSchema([
  { name: 'user_id', type: 'string' },
  { name: 'student_id', type: connectType('string', 'io.debezium.data.Uuid') },
  { name: 'ended_at', type: connectType('string', 'io.debezium.time.ZonedTimestamp') },
  { name: 'completed_at', type: 'string' },
]);

const { prepare, decode } = createDecoder({
  registry: fakeRegistry({ 1: SCHEMA }),
  neededColumns: (source) => neededColumns(source, 'topic'),
});

async function outcomeOf(source: Source, value: Buffer): Promise<unknown> {
  const record = { key: null, value, timestamp: '1773637260000', offset: '0' };
  await prepare([record]);
  const outcome = outcomeOfChange(source, decode(source, record), 1_773_637_260_000, POLICY);
  if (outcome.kind !== 'applied') return outcome;
  return outcome.activities.map(({ studentId, userId, at }) => `${studentId} ${userId ?? 'unnamed'} ${at}`);
}

/** Texts of the usual form, also with one character replaced or truncated. */
function nearly(texts: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const spoilt = fc
    .tuple(texts, fc.nat(), fc.constantFrom('g', 'A', '-', '0', '9', ':', '.', 'Z', 'T', ' ', '/', '\u0660', 'ä', '\0'))
    .map(([text, at, character]) => {
      const place = at % text.length;
      return text.slice(0, place) + character + text.slice(place + 1);
    });
  const cut = fc.tuple(texts, fc.nat()).map(([text, at]) => text.slice(0, at % text.length));
  return fc.oneof(texts, spoilt, cut);
}

const uuids = fc.uuid().chain((uuid) => fc.constantFrom(uuid, uuid.toUpperCase(), `{${uuid}}`));
const times = fc
  .bigInt({ min: 915_000_000_000_000n, max: 1_773_640_000_000_000n })
  .map(formatInstant)
  .chain((text) => fc.constantFrom(text, text.replace(/\d{1,6}Z$/, 'Z'), text.replace(/\.\d+Z$/, 'Z'), `${text}+01`));

it('a learner and an instant of any form have the same outcome in Avro as in JSON', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom<Source>('session', 'attempt'),
      fc.oneof(nearly(uuids), fc.string({ unit: 'grapheme' })),
      fc.oneof(nearly(times), fc.constantFrom('infinity', '-infinity')),
      async (source, learner, at) => {
        const row = { user_id: learner, student_id: learner, ended_at: at, completed_at: at };
        const document = JSON.stringify(envelope('c', row), (_key, item) =>
          typeof item === 'bigint' ? Number(item) : item,
        );
        expect(await outcomeOf(source, avroRecord(1, SCHEMA, envelope('c', row)))).toEqual(
          await outcomeOf(source, Buffer.from(document)),
        );
      },
    ),
    { numRuns: 2_000 },
  );
});
