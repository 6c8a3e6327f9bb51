import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type Api, createFrameReader, refusedCommit } from './kafka-frames.ts';

/** `reset`: connections are reset and new ones refused. `silence`: connections stay open but nothing passes. */
export type Cut = 'reset' | 'silence';

/** A TCP proxy that can be cut. Data held during `silence` passes after `restore`, as with TCP. */
export interface TcpProxy {
  readonly port: number;
  cut(how: Cut): void;
  restore(): void;
  /**
   * Drops the next Kafka request of the kind (`request`), or passes it and drops its response (`response`). Nothing more
   * passes on that connection. `held` resolves when the request arrives; `release` ends the wait.
   */
  holdNext(api: Api, what: HeldPart): { readonly held: Promise<void>; release(): void };
  /** If true, the proxy itself answers each offset commit with an error. */
  refuseCommits(refuses: boolean): void;
  close(): Promise<void>;
}

type HeldPart = 'request' | 'response';

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

interface ProxyState {
  readonly pairs: Set<Pair>;
  network: 'open' | Cut;
  hold: { readonly api: Api; readonly what: HeldPart; readonly onHeld: () => void } | undefined;
  refusesCommits: boolean;
}

/** @param toKafka the advertised port, for a proxy to Kafka. Other proxies listen on a free port. */
export async function startProxy(targetPort: number, toKafka?: { readonly port: number }): Promise<TcpProxy> {
  const state: ProxyState = { pairs: new Set(), network: 'open', hold: undefined, refusesCommits: false };
  const listener = createServer((client) => {
    client.on('error', () => {});
    if (state.network === 'reset') return void client.resetAndDestroy();
    const server = connect(targetPort, '127.0.0.1');
    server.on('error', () => {});
    addPair(state, { client, server });
    if (toKafka === undefined) {
      client.on('data', (chunk: Buffer) => server.write(chunk));
      server.on('data', (chunk: Buffer) => client.write(chunk));
    } else passKafkaRequests(state, { client, server });
    if (state.network === 'silence') for (const socket of [client, server]) socket.pause();
  });
  listener.listen(toKafka?.port ?? 0, '127.0.0.1');
  await once(listener, 'listening');

  const eachSocket = (work: (socket: Socket) => void) => {
    for (const { client, server } of state.pairs) for (const socket of [client, server]) work(socket);
  };
  return {
    port: (listener.address() as AddressInfo).port,
    cut(how) {
      state.network = how;
      eachSocket((socket) => void (how === 'silence' ? socket.pause() : socket.resetAndDestroy()));
    },
    restore() {
      state.network = 'open';
      eachSocket((socket) => void socket.resume());
    },
    holdNext(api, what) {
      const { promise, resolve } = Promise.withResolvers<void>();
      state.hold = { api, what, onHeld: resolve };
      return {
        held: promise,
        release() {
          state.hold = undefined;
          resolve();
        },
      };
    },
    refuseCommits(refuses) {
      state.refusesCommits = refuses;
    },
    async close() {
      eachSocket((socket) => void socket.destroy());
      listener.close();
      await once(listener, 'close');
    },
  };
}

function addPair({ pairs }: ProxyState, pair: Pair): void {
  const { client, server } = pair;
  pairs.add(pair);
  const end = () => {
    pairs.delete(pair);
    client.destroy();
    server.destroy();
  };
  client.once('close', end);
  server.once('close', end);
}

/** Passes data in both directions, except for requests that are held or refused. */
function passKafkaRequests(state: ProxyState, { client, server }: Pair): void {
  const frames = createFrameReader();
  let dropsRequests = false;
  let dropsResponses = false;
  let incomplete: Buffer = Buffer.alloc(0);
  client.on('data', (chunk: Buffer) => {
    if (dropsRequests) return;
    // After a held response the boundaries of requests do not matter any more.
    if (dropsResponses) return void server.write(chunk);
    const bytes = incomplete.length === 0 ? chunk : Buffer.concat([incomplete, chunk]);
    incomplete = Buffer.alloc(0);
    if (state.refusesCommits) {
      incomplete = frames.takeEach(bytes, 'offsetCommit', {
        onward: (passed) => server.write(passed),
        taken: (request) => client.write(refusedCommit(request)),
      });
      return;
    }
    const { onward, held } = frames.read(bytes, state.hold?.api);
    server.write(onward);
    if (held === undefined || state.hold === undefined) return;
    const { what, onHeld } = state.hold;
    state.hold = undefined;
    if (what === 'request') dropsRequests = true;
    else {
      dropsResponses = true;
      server.write(held);
    }
    onHeld();
  });
  server.on('data', (chunk: Buffer) => {
    if (!dropsResponses) client.write(chunk);
  });
}
