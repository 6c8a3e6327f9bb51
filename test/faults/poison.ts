import type { Random } from '../../stack/random.ts';
import { avroRecord, avroValue } from '../registry/avro.ts';

/** A record as Debezium wrote it, and the schema that it names. */
export interface Sample {
  readonly value: Buffer;
  readonly schemaId: number;
  readonly schema: object;
}

/** Kinds of damage, in percent of the records. */
const KINDS = {
  randomBytes: 15,
  truncated: 15,
  flipped: 20,
  unknownSchema: 8,
  wrongMagic: 7,
  hostileAvro: 18,
  hostileJson: 17,
} as const;
type Kind = keyof typeof KINDS;

const WHEEL = (Object.entries(KINDS) as [Kind, number][]).flatMap(([kind, share]) => Array<Kind>(share).fill(kind));

/**
 * Records that a healthy connector never writes: random bytes, and well-formed records with content that no platform table
 * could contain. They name only learners of the samples and invented ones.
 *
 * @param random in [0, 1); the same numbers give the same records.
 */
export function* poison(random: Random, samples: readonly Sample[], count: number): Generator<Buffer> {
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T;
  const bytes = (length: number) => Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
  for (let n = 0; n < count; n++) {
    const sample = pick(samples);
    switch (pick(WHEEL)) {
      case 'randomBytes':
        yield bytes(Math.floor(random() * 200));
        break;
      case 'truncated':
        yield sample.value.subarray(0, Math.floor(random() * sample.value.length));
        break;
      case 'flipped':
        yield flipped(sample.value, random);
        break;
      case 'unknownSchema': {
        const value = Buffer.from(sample.value);
        // Few ids, because each unknown id costs a request to the registry.
        value.writeUInt32BE(0x7fff0000 + Math.floor(random() * 20), 1);
        yield value;
        break;
      }
      case 'wrongMagic': {
        const value = Buffer.from(sample.value);
        value[0] = 1 + Math.floor(random() * 255);
        yield value;
        break;
      }
      case 'hostileAvro':
        yield hostileAvro(sample, pick(HOSTILE_COLUMNS)(random));
        break;
      case 'hostileJson':
        yield pick(HOSTILE_JSON)(random);
    }
  }
}

/** Flips bytes after the header, so that the record is still read with its schema. */
function flipped(value: Buffer, random: Random): Buffer {
  const changed = Buffer.from(value);
  for (let flips = 1 + Math.floor(random() * 4); flips > 0; flips--) {
    changed[5 + Math.floor(random() * (changed.length - 5))] = Math.floor(random() * 256);
  }
  return changed;
}

type Columns = Readonly<Record<string, unknown>>;

const invented = (random: Random) => `poison-${Math.floor(random() * 1_000)}`;
const SQL_IDS = [
  "'; DROP TABLE lastseen.user_last_seen; --",
  '$1',
  '\\x00',
  "' OR ''='",
  '{"a":1}',
  'NULL',
  '%s%n',
  '\u202e\ufeff',
];

const HOSTILE_COLUMNS: readonly ((random: Random) => Columns)[] = [
  () => ({ started_at: 'infinity', ended_at: null }),
  () => ({ started_at: '-infinity', ended_at: null }),
  () => ({ started_at: '9999-12-31T23:59:59.999999Z', ended_at: null }),
  () => ({ started_at: '+294276-12-31T23:59:59.999999Z', ended_at: null }),
  () => ({ started_at: '0001-01-01T00:00:00Z', ended_at: null }),
  () => ({ started_at: '9223372036854775807', ended_at: null }),
  () => ({ started_at: '', ended_at: '2026-02-30T00:00:00Z' }),
  () => ({ user_id: 'nul\0byte' }),
  () => ({ user_id: '' }),
  () => ({ user_id: 'x'.repeat(100_000) }),
  (random) => ({ user_id: `${invented(random)}${SQL_IDS[Math.floor(random() * SQL_IDS.length)]}` }),
  () => ({ user_id: '__proto__' }),
  () => ({ user_id: 'constructor' }),
];

function hostileAvro({ schemaId, schema, value }: Sample, columns: Columns): Buffer {
  const envelope = avroValue(schema, value) as { after: object };
  const after = { ...envelope.after, user_id: 'poison', ...columns };
  return avroRecord(schemaId, schema, { ...envelope, after });
}

const json = (columns: unknown) =>
  Buffer.from(JSON.stringify({ op: 'c', after: columns, source: { ts_ms: Date.UTC(2026, 5) } }));
const NESTED = 5_000;

const HOSTILE_JSON: readonly ((random: Random) => Buffer)[] = [
  () => Buffer.from(`{"op":"c","after":{"user_id":"poison","started_at":9223372036854775807,"ended_at":null}}`),
  () => Buffer.from(`{"op":"c","after":{"user_id":"poison","started_at":-9223372036854775808,"ended_at":null}}`),
  () => Buffer.from(`{"op":"c","after":{"user_id":"poison","started_at":1e309,"ended_at":null}}`),
  () => Buffer.from(`{"op":"c","after":{"__proto__":{"user_id":"poison"},"started_at":"2026-03-01T00:00:00Z"}}`),
  () => Buffer.from(`{"__proto__":{"op":"c"},"constructor":{"prototype":{}},"after":null}`),
  () => Buffer.from(`{"op":"c","after":${'{"user_id":'.repeat(NESTED)}1${'}'.repeat(NESTED)}}`),
  () => Buffer.from(`${'['.repeat(NESTED)}${']'.repeat(NESTED)}`),
  () => Buffer.concat([Buffer.from('{"op":"c","after":{"user_id":"'), Buffer.of(0xff, 0xfe, 0xc0), Buffer.from('"}}')]),
  () => json({ user_id: 'lone \ud800 surrogate', started_at: '2026-03-01T00:00:00Z', ended_at: null }),
  () => json({ user_id: 7, started_at: [], ended_at: {} }),
  () => json({ user_id: 'poison', started_at: 'infinity', ended_at: null }),
  () => json([]),
  (random) => json({ user_id: `${invented(random)}'; --`, started_at: '2026-03-01T00:00:00.000001Z', ended_at: null }),
];

/** Well-formed, and larger than a fetch: it fits into a dead letter only by itself. */
export function hugeJson(megabytes: number): Buffer {
  return Buffer.from(
    `{"op":"c","after":{"user_id":"poison","started_at":"9999-01-01T00:00:00Z","ended_at":null,"note":"${'n'.repeat(megabytes * 1_000_000)}"}}`,
  );
}
