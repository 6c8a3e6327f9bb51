import { createRequire } from 'node:module';

/** Private fields of the driver's connection: the bytes of a response that has not fully arrived. */
interface DriverConnection {
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
  connect(): Promise<boolean>;
}

const SIZE_BYTES = 4;
let isPatched = false;

/**
 * Patches the driver: a connection that reconnects forgets the partial response of the broken connection.
 *
 * Without this the driver reads the next responses as the rest of the partial one and waits forever for missing bytes;
 * a consumer then neither reads nor crashes. No upstream issue has the cause; tulios/kafkajs#659 and #660 show the
 * symptom. Can go when `test/kafka/client/reconnects.test.ts` passes without it.
 */
export function clearBuffersOnReconnect(): void {
  if (isPatched) return;
  isPatched = true;
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/connection.js') as {
    prototype: DriverConnection;
  };
  const { connect } = prototype;
  prototype.connect = function connectWithEmptyBuffers(this: DriverConnection) {
    if (!this.isConnected()) {
      this.chunks = [];
      this.bytesBuffered = 0;
      this.bytesNeeded = SIZE_BYTES;
    }
    return connect.call(this);
  };
}
