import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type InputType, zstdCompress, zstdDecompress, zstdDecompressSync } from 'node:zlib';

import { compressFrame, decompressFrame, decompressFrameSync } from 'lz4-napi';
import { compress, uncompress, uncompressSync } from 'snappy';
import { CompressionCodecs, CompressionTypes } from './driver.ts';

interface Codec {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

/** The driver has only gzip; a topic with another compression crashes its consumer (tulios/kafkajs#597: by design). */
export function registerCodecs(): void {
  CompressionCodecs[CompressionTypes.Snappy] = () => snappy;
  CompressionCodecs[CompressionTypes.LZ4] = () => lz4;
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstd;
}

const zstdCompressAsync = promisify(zstdCompress);
/** What Node returns with the option `info`, which its types lack. */
interface Decompressed {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}
const WITH_ENGINE = { info: true } as const;
const zstdDecompressAsync = promisify(zstdDecompress) as unknown as (
  packed: InputType,
  options: typeof WITH_ENGINE,
) => Promise<Decompressed>;

/** Size of the compressed batch. A larger batch is decompressed in another thread, because it would block this one. */
const MAX_INLINE_BYTES = 65_536;
/** Decompressed bytes after which the event loop gets a turn. */
const TURN_BYTES = 262_144;
let bytesSinceTurn = 0;

/**
 * Decompresses in this thread. A typical batch takes some microseconds; waiting for another thread takes several times
 * as long (figures: decision 10). The event loop gets turns, because decompressed memory is only released then.
 */
async function decompressInline(
  packed: Buffer,
  decompress: (packed: Buffer) => Buffer,
  decompressInThread: (packed: Buffer) => Promise<Buffer>,
): Promise<Buffer> {
  if (packed.length > MAX_INLINE_BYTES) return decompressInThread(packed);
  const decompressed = decompress(packed);
  bytesSinceTurn += decompressed.length;
  if (bytesSinceTurn >= TURN_BYTES) {
    bytesSinceTurn = 0;
    await setImmediate();
  }
  return decompressed;
}

/** Node decompresses only the first frame and reports how many bytes it has read; Java clients read all frames. */
const zstd: Codec = {
  compress: (encoder) => zstdCompressAsync(encoder.buffer),
  async decompress(buffer) {
    const frames: Buffer[] = [];
    for (let at = 0; at < buffer.length || frames.length === 0; ) {
      let read = 0;
      const decompressed = ({ buffer: bytes, engine }: Decompressed) => {
        read = engine.bytesWritten;
        return bytes;
      };
      const frame = await decompressInline(
        buffer.subarray(at),
        (packed) => decompressed(zstdDecompressSync(packed, WITH_ENGINE) as unknown as Decompressed),
        async (packed) => decompressed(await zstdDecompressAsync(packed, WITH_ENGINE)),
      );
      frames.push(frame);
      at += read;
    }
    return onlyOrAll(frames);
  },
};

/** Avoids a copy of the usual single part. */
function onlyOrAll(parts: readonly Buffer[]): Buffer {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
}

const lz4: Codec = {
  compress: (encoder) => compressFrame(encoder.buffer),
  decompress: (buffer) => decompressInline(buffer, decompressFrameSync, decompressFrame),
};

/** Java clients use the xerial framing: this header, two 32-bit versions, then blocks that each follow their length. */
const XERIAL_HEADER = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_PREFIX_LENGTH = XERIAL_HEADER.length + 8;

const snappy: Codec = {
  compress: (encoder) => compress(encoder.buffer),
  async decompress(buffer) {
    if (!buffer.subarray(0, XERIAL_HEADER.length).equals(XERIAL_HEADER)) return uncompressBlock(buffer);
    const blocks: Buffer[] = [];
    for (let at = 0; at < buffer.length; ) {
      // A header may follow the last block of a stream: streams may be concatenated.
      if (buffer.subarray(at, at + XERIAL_HEADER.length).equals(XERIAL_HEADER)) {
        at += XERIAL_PREFIX_LENGTH;
        continue;
      }
      const length = buffer.readInt32BE(at);
      at += 4;
      if (length <= 0 || at + length > buffer.length) throw new Error('a snappy block is cut off');
      blocks.push(await uncompressBlock(buffer.subarray(at, at + length)));
      at += length;
    }
    return Buffer.concat(blocks);
  },
};

function uncompressBlock(block: Buffer): Promise<Buffer> {
  return decompressInline(
    block,
    (packed) => uncompressSync(packed, { asBuffer: true }) as Buffer,
    async (packed) => (await uncompress(packed, { asBuffer: true })) as Buffer,
  );
}
