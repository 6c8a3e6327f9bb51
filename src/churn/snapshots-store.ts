import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FEATURE_COUNT } from './model/features.ts';

/** Items of a snapshot before its features. */
export const SNAPSHOT = { fold: 0, day: 1, silentDays: 2, happened: 3, features: 4 } as const;
const SNAPSHOT_SIZE = SNAPSHOT.features + FEATURE_COUNT;

const PER_CHUNK = 4_096;

/**
 * Snapshots in a temporary file, because they are read once per step of a fit, and ten million do not fit into memory. The
 * file is removed at the end.
 */
export interface SnapshotFile {
  readonly count: number;
  /** A place for the next snapshot, for {@link SNAPSHOT} and the features; it is added by the call. */
  next(): Promise<{ readonly items: Float64Array; readonly at: number }>;
  /** Calls `onSnapshot` for each, in their order, with the place of its items. */
  forEach(onSnapshot: (items: Float64Array, at: number) => void): Promise<void>;
}

export async function withSnapshotFile<T>(work: (file: SnapshotFile) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'lastseen-churn-'));
  try {
    const handle = await open(join(directory, 'snapshots'), 'w+');
    try {
      return await work(createSnapshotFile(handle));
    } finally {
      await handle.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function createSnapshotFile(handle: FileHandle): SnapshotFile {
  const chunk = new Float64Array(PER_CHUNK * SNAPSHOT_SIZE);
  let count = 0;
  let inChunk = 0;
  let writtenBytes = 0;
  const flush = async () => {
    const bytes = new Uint8Array(chunk.buffer, 0, inChunk * SNAPSHOT_SIZE * Float64Array.BYTES_PER_ELEMENT);
    for (let from = 0; from < bytes.length; ) {
      const { bytesWritten } = await handle.write(bytes, from, bytes.length - from, writtenBytes);
      from += bytesWritten;
      writtenBytes += bytesWritten;
    }
    inChunk = 0;
  };
  return {
    get count() {
      return count;
    },
    async next() {
      if (inChunk === PER_CHUNK) await flush();
      count++;
      return { items: chunk, at: SNAPSHOT_SIZE * inChunk++ };
    },
    async forEach(onSnapshot) {
      await flush();
      const items = new Float64Array(PER_CHUNK * SNAPSHOT_SIZE);
      const bytes = new Uint8Array(items.buffer);
      for (let from = 0; from < writtenBytes; ) {
        const wanted = Math.min(bytes.length, writtenBytes - from);
        for (let read = 0; read < wanted; ) {
          const { bytesRead } = await handle.read(bytes, read, wanted - read, from + read);
          if (bytesRead === 0) throw new Error('the temporary file of snapshots is shorter than what was written');
          read += bytesRead;
        }
        from += wanted;
        const end = wanted / Float64Array.BYTES_PER_ELEMENT;
        for (let at = 0; at < end; at += SNAPSHOT_SIZE) onSnapshot(items, at);
      }
    },
  };
}
