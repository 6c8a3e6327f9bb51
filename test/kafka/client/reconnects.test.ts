import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createKafka } from '../../../src/kafka/client/client.ts';
import { createLogger } from '../../../src/runtime/logging.ts';

const API_VERSIONS = 18;
const METADATA = 3;

/** A broker that closes the connection in the middle of its first response, and answers all later requests. */
async function startInterruptingBroker() {
  let answers = 0;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (request) => {
      const apiKey = request.readInt16BE(4);
      const answer = answerTo(apiKey, request.readInt32BE(8), (server.address() as AddressInfo).port);
      answers += 1;
      if (answers === 1) sendPart(socket, answer);
      else socket.write(answer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

function sendPart(socket: Socket, answer: Buffer): void {
  socket.write(answer.subarray(0, answer.length - 3), () => socket.destroy());
}

function answerTo(apiKey: number, correlationId: number, port: number): Buffer {
  const body = apiKey === API_VERSIONS ? versions() : metadata(port);
  const head = Buffer.alloc(8);
  head.writeInt32BE(4 + body.length, 0);
  head.writeInt32BE(correlationId, 4);
  return Buffer.concat([head, body]);
}

/** No error; these two requests, in their oldest versions. */
function versions(): Buffer {
  const kinds = [API_VERSIONS, METADATA].flatMap((key) => [key, 0, 0]);
  const body = Buffer.alloc(2 + 4 + kinds.length * 2);
  body.writeInt32BE(kinds.length / 3, 2);
  for (const [at, value] of kinds.entries()) body.writeInt16BE(value, 6 + at * 2);
  return body;
}

/** This broker and no topic. */
function metadata(port: number): Buffer {
  const host = Buffer.from('127.0.0.1');
  const body = Buffer.alloc(4 + 4 + 2 + host.length + 4 + 4);
  body.writeInt32BE(1, 0);
  body.writeInt32BE(1, 4);
  body.writeInt16BE(host.length, 8);
  host.copy(body, 10);
  body.writeInt32BE(port, 10 + host.length);
  return body;
}

describe('a connection that was closed in the middle of a response', () => {
  it('reconnects and reads the next response', async () => {
    const broker = await startInterruptingBroker();
    const log = createLogger({ level: 'silent', pretty: false, command: 'test' });
    const admin = createKafka({ brokers: [`127.0.0.1:${broker.port}`], clientId: 'test', log }).admin();
    await admin.connect();
    expect(await admin.listTopics()).toEqual([]);
    await admin.disconnect();
    broker.close();
  });
});
