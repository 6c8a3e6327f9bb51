import { connect } from 'node:net';

const METADATA = 3;
const ANSWER_WITHIN_MS = 2_000;

/** A metadata request of version 1 for no topic, as a client sends it first. The response lists the available brokers. */
function metadataRequest(): Buffer {
  const request = Buffer.alloc(18);
  request.writeInt32BE(request.length - 4, 0);
  request.writeInt16BE(METADATA, 4);
  request.writeInt16BE(1, 6);
  request.writeInt32BE(1, 8);
  request.writeInt16BE(-1, 12); // no client id
  request.writeInt32BE(0, 14);
  return request;
}

/** The number of brokers in the metadata of the broker at this port: 0 until the broker itself is unfenced. */
export function brokersInService(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(metadataRequest()));
    let answer = Buffer.alloc(0);
    socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy(new Error('no answer')));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed')));
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      // Size and correlation id, then the number of brokers.
      if (answer.length < 12) return;
      resolve(answer.readInt32BE(8));
      socket.destroy();
    });
  });
}
