import { createRequire } from 'node:module';

/** What of the driver's connection is not in its types: a response is put together from what has arrived of it. */
interface DriverConnection {
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
  connect(): Promise<boolean>;
}

const SIZE_BYTES = 4;
let isMended = false;

/**
 * The driver connects anew on the same object, and keeps what the broken connection had brought of a response: it takes
 * the answers of the new one for the rest, waits for bytes that never come, and is deaf for ever, whatever it is asked.
 * Any response that is cut in its middle does that; a consumer then neither reads nor crashes.
 */
export function mendReconnects(): void {
  if (isMended) return;
  isMended = true;
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/connection.js') as {
    prototype: DriverConnection;
  };
  const { connect } = prototype;
  prototype.connect = function forgettingTheLast(this: DriverConnection) {
    if (!this.isConnected()) {
      this.chunks = [];
      this.bytesBuffered = 0;
      this.bytesNeeded = SIZE_BYTES;
    }
    return connect.call(this);
  };
}
