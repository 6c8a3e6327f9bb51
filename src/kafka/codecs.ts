import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';

import { compressFrame, decompressFrame } from 'lz4-napi';
import { compress, uncompress } from 'snappy';
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

const zstd: Codec = {
  compress: (encoder) => zstdCompressAsync(encoder.buffer),
  decompress: (buffer) => zstdDecompressAsync(buffer),
};

const lz4: Codec = {
  compress: (encoder) => compressFrame(encoder.buffer),
  decompress: (buffer) => decompressFrame(buffer),
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

async function uncompressBlock(block: Buffer): Promise<Buffer> {
  return (await uncompress(block, { asBuffer: true })) as Buffer;
}
