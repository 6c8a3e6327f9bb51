import { randomBytes } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { compressFrameSync } from 'lz4-napi';
import { compressSync } from 'snappy';
import { beforeAll, describe, expect, it } from 'vitest';
import { registerCodecs } from '../../../src/kafka/client/codecs.ts';
import { CompressionCodecs, CompressionTypes } from '../../../src/kafka/client/driver.ts';

interface Codec {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}
const codecOf = (type: number) => (CompressionCodecs as unknown as Record<number, () => Codec>)[type]?.() as Codec;

beforeAll(registerCodecs);

/** The framing of Java clients, with these blocks. */
function xerial(blocks: readonly Buffer[]): Buffer {
  const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
  const framed = blocks.flatMap((block) => {
    const compressed = compressSync(block);
    const length = Buffer.alloc(4);
    length.writeInt32BE(compressed.length);
    return [length, compressed];
  });
  return Buffer.concat([header, ...framed]);
}

/** Two frames with data, and one that is to be skipped. */
function inFrames(bytes: Buffer): Buffer {
  const skipped = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);
  const middle = Math.ceil(bytes.length / 2);
  return Buffer.concat([
    skipped,
    zstdCompressSync(bytes.subarray(0, middle)),
    zstdCompressSync(bytes.subarray(middle)),
  ]);
}

describe.each([
  ['lz4', CompressionTypes.LZ4, compressFrameSync],
  ['zstd', CompressionTypes.ZSTD, zstdCompressSync],
  ['zstd of several frames', CompressionTypes.ZSTD, inFrames],
  ['snappy', CompressionTypes.Snappy, compressSync],
  ['snappy framed by Java', CompressionTypes.Snappy, (bytes: Buffer) => xerial([bytes, bytes]).subarray()],
  [
    'snappy streams of Java',
    CompressionTypes.Snappy,
    (bytes: Buffer) => Buffer.concat([xerial([bytes]), xerial([bytes])]),
  ],
])('%s', (name, type, compress) => {
  // Sizes below and above the inline limit, and enough batches that the event loop gets turns between them.
  it.each([1, 10_000, 1_000_000])('decompresses %i bytes', async (size) => {
    const bytes = randomBytes(size);
    const expected = name.includes('Java') ? Buffer.concat([bytes, bytes]) : bytes;
    const compressed = Buffer.from(compress(bytes));
    const decompressed = await Promise.all(Array.from({ length: 30 }, () => codecOf(type).decompress(compressed)));
    expect(decompressed.every((each) => each.equals(expected))).toBe(true);
  });

  it('rejects truncated bytes of any size', async () => {
    for (const size of [100, 1_000_000]) {
      const broken = Buffer.from(compress(randomBytes(size))).subarray(0, -10);
      await expect(codecOf(type).decompress(broken)).rejects.toThrow();
    }
  });
});

it('gives the event loop turns while many small batches are decompressed', async () => {
  const compressed = Buffer.from(compressFrameSync(randomBytes(50_000)));
  let turns = 0;
  let others = setImmediate(function turn() {
    turns++;
    others = setImmediate(turn);
  });
  for (let batch = 0; batch < 2_000; batch++) await codecOf(CompressionTypes.LZ4).decompress(compressed);
  clearImmediate(others);
  expect(turns).toBeGreaterThan(100);
});
