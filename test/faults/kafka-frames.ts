/** Kinds of requests, as Kafka numbers them. */
const API = { produce: 0, offsetCommit: 8 } as const;
export type Api = keyof typeof API;

const HEAD_BYTES = 6;

/** Follows a stream of Kafka requests (a length, then the kind) and tells where each of them begins. */
export interface FrameReader {
  /**
   * @returns the bytes that may go on; where a request of the kind begins, those before it, and the rest as `held`.
   */
  read(chunk: Buffer, stopAt: Api | undefined): { readonly onward: Buffer; readonly held: Buffer | undefined };
}

export function createFrameReader(): FrameReader {
  let waiting: Buffer = Buffer.alloc(0);
  let leftOfFrame = 0;
  return {
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
        if (size <= 0) throw new Error(`no Kafka request has ${size} bytes: the proxy has lost its place`);
        leftOfFrame = 4 + size;
      }
      return { onward: bytes, held: undefined };
    },
  };
}
