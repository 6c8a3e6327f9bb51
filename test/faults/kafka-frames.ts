/** API keys of Kafka's protocol. */
const API = { produce: 0, offsetCommit: 8 } as const;
export type Api = keyof typeof API;

const HEAD_BYTES = 6;

/** Finds where each request of a stream of Kafka requests (a length, then the API key) begins. */
export interface FrameReader {
  /** @returns the bytes to pass on. If a request of the kind begins in them, `held` is the rest from there on. */
  read(chunk: Buffer, stopAt: Api | undefined): { readonly onward: Buffer; readonly held: Buffer | undefined };
  /**
   * Removes every request of the kind from the stream.
   *
   * @returns the beginning of an incomplete request. The caller prepends it to the next chunk.
   */
  takeEach(
    bytes: Buffer,
    api: Api,
    to: { readonly onward: (bytes: Buffer) => void; readonly taken: (request: Buffer) => void },
  ): Buffer;
}

/** OFFSET_METADATA_TOO_LARGE: not retriable, and the group continues. */
const REFUSED = 12;

/** The response to an offset commit of version 3 to 5: an error for one partition of a topic without a name. */
export function refusedCommit(request: Buffer): Buffer {
  const answer = Buffer.alloc(4 + 4 + 4 + 4 + 2 + 4 + 4 + 2);
  answer.writeInt32BE(answer.length - 4, 0);
  request.copy(answer, 4, 8, 12);
  answer.writeInt32BE(1, 12);
  answer.writeInt32BE(1, 18);
  answer.writeInt16BE(REFUSED, 26);
  return answer;
}

export function createFrameReader(): FrameReader {
  let waiting: Buffer = Buffer.alloc(0);
  let leftOfFrame = 0;
  const reader: FrameReader = {
    read(chunk, stopAt) {
      const bytes = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk]);
      waiting = Buffer.alloc(0);
      let at = 0;
      while (at < bytes.length) {
        if (leftOfFrame > 0) {
          const step = Math.min(leftOfFrame, bytes.length - at);
          leftOfFrame -= step;
          at += step;
          continue;
        }
        if (bytes.length - at < HEAD_BYTES) {
          waiting = bytes.subarray(at);
          return { onward: bytes.subarray(0, at), held: undefined };
        }
        if (stopAt !== undefined && bytes.readInt16BE(at + 4) === API[stopAt]) {
          return { onward: bytes.subarray(0, at), held: bytes.subarray(at) };
        }
        const size = bytes.readInt32BE(at);
        if (size <= 0) throw new Error(`a Kafka request of ${size} bytes: the proxy lost the boundaries of requests`);
        leftOfFrame = 4 + size;
      }
      return { onward: bytes, held: undefined };
    },
    takeEach(bytes, api, to) {
      for (let rest = bytes; rest.length > 0; ) {
        const { onward, held } = reader.read(rest, api);
        to.onward(onward);
        if (held === undefined) break;
        const length = 4 + held.readInt32BE(0);
        if (held.length < length) return held;
        to.taken(held.subarray(0, length));
        rest = held.subarray(length);
      }
      return Buffer.alloc(0);
    },
  };
  return reader;
}
