import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress, zstdDecompressSync } from 'node:zlib';

import { compressFrame, decompressFrame, decompressFrameSync } from 'lz4-napi';
import { compress, uncompress, uncompressSync } from 'snappy';
import { CompressionCodecs, CompressionTypes } from './driver.ts';

interface Codec {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

/** The driver brings gzip alone, and a topic compressed otherwise ends its consumer. */
export function registerCodecs(): void {
  CompressionCodecs[CompressionTypes.Snappy] = () => snappy;
  CompressionCodecs[CompressionTypes.LZ4] = () => lz4;
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstd;
}

const zstdCompressAsync = promisify(zstdCompress);
const zstdDecompressAsync = promisify(zstdDecompress);

/** Compressed; a larger batch is worth the way to another thread and back, and would hold this one up. */
const MOST_INLINE_BYTES = 65_536;
const TURN_BYTES = 262_144;
let sinceTurn = 0;

/**
 * Unpacks in this thread. What batches mostly are is unpacked in some microseconds; waiting for another thread takes
 * several times as long, once for each of ten thousands of batches a second. Now and then the event loop has a turn, in
 * which the memory of what is no longer used is given back.
 */
async function inline(
  packed: Buffer,
  unpack: (packed: Buffer) => Buffer,
  unpackElsewhere: (packed: Buffer) => Promise<Buffer>,
): Promise<Buffer> {
  if (packed.length > MOST_INLINE_BYTES) return unpackElsewhere(packed);
  const unpacked = unpack(packed);
  sinceTurn += unpacked.length;
  if (sinceTurn >= TURN_BYTES) {
    sinceTurn = 0;
    await setImmediate();
  }
  return unpacked;
}

const zstd: Codec = {
  compress: (encoder) => zstdCompressAsync(encoder.buffer),
  decompress: (buffer) => inline(buffer, zstdDecompressSync, zstdDecompressAsync),
};

const lz4: Codec = {
  compress: (encoder) => compressFrame(encoder.buffer),
  decompress: (buffer) => inline(buffer, decompressFrameSync, decompressFrame),
};

/** Java clients frame snappy as xerial does: this header, two 32-bit versions, then blocks with their length before each. */
const XERIAL_HEADER = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_PREFIX_LENGTH = XERIAL_HEADER.length + 8;

const snappy: Codec = {
  compress: (encoder) => compress(encoder.buffer),
  async decompress(buffer) {
    if (!buffer.subarray(0, XERIAL_HEADER.length).equals(XERIAL_HEADER)) return uncompressBlock(buffer);
    const blocks: Buffer[] = [];
    for (let at = XERIAL_PREFIX_LENGTH; at < buffer.length; ) {
      const length = buffer.readInt32BE(at);
      at += 4;
      blocks.push(await uncompressBlock(buffer.subarray(at, at + length)));
      at += length;
    }
    return Buffer.concat(blocks);
  },
};

function uncompressBlock(block: Buffer): Promise<Buffer> {
  return inline(
    block,
    (packed) => uncompressSync(packed, { asBuffer: true }) as Buffer,
    async (packed) => (await uncompress(packed, { asBuffer: true })) as Buffer,
  );
}
