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
   * Passes the next Kafka request of the kind (`answered`) or drops it (`asked`), and passes nothing more on that
   * connection. `held` resolves when the request arrives; `release` ends the wait.
   */
  holdNext(api: Api, at: 'asked' | 'answered'): { readonly held: Promise<void>; release(): void };
  /** If true, the proxy itself answers each offset commit with an error. */
  refuseCommits(refuses: boolean): void;
  close(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

interface Hold {
  readonly api: Api;
  readonly at: 'asked' | 'answered';
  readonly came: () => void;
}

/** @param toKafka the advertised port, for a proxy to Kafka. Other proxies listen on a free port. */
export async function startProxy(targetPort: number, toKafka?: { readonly port: number }): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  let state: 'open' | Cut = 'open';
  let hold: Hold | undefined;
  let refuses = false;

  const listener = createServer((client) => {
    client.on('error', () => {});
    if (state === 'reset') return void client.resetAndDestroy();
    const server = connect(targetPort, '127.0.0.1');
    server.on('error', () => {});
    const pair = { client, server };
    pairs.add(pair);
    const frames = createFrameReader();
    let deaf = false;
    let mute = false;
    let begun: Buffer = Buffer.alloc(0);

    client.on('data', (chunk: Buffer) => {
      if (mute) return;
      // After a held request the frames are not followed any more.
      if (toKafka === undefined || deaf) return void server.write(chunk);
      const bytes = begun.length === 0 ? chunk : Buffer.concat([begun, chunk]);
      begun = Buffer.alloc(0);
      if (refuses) {
        begun = frames.takeEach(bytes, 'offsetCommit', {
          onward: (passed) => server.write(passed),
          taken: (request) => client.write(refusedCommit(request)),
        });
        return;
      }
      const { onward, held } = frames.read(bytes, hold?.api);
      server.write(onward);
      if (held === undefined || hold === undefined) return;
      const { at, came } = hold;
      hold = undefined;
      if (at === 'answered') {
        deaf = true;
        server.write(held);
      } else mute = true;
      came();
    });
    server.on('data', (chunk: Buffer) => {
      if (!deaf) client.write(chunk);
    });
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    client.once('close', end);
    server.once('close', end);
    if (state === 'silence') for (const socket of [client, server]) socket.pause();
  });
  listener.listen(toKafka?.port ?? 0, '127.0.0.1');
  await once(listener, 'listening');

  return {
    port: (listener.address() as AddressInfo).port,
    cut(how) {
      state = how;
      for (const { client, server } of pairs) {
        if (how === 'silence') for (const socket of [client, server]) socket.pause();
        else for (const socket of [client, server]) socket.resetAndDestroy();
      }
    },
    restore() {
      state = 'open';
      for (const { client, server } of pairs) for (const socket of [client, server]) socket.resume();
    },
    holdNext(api, at) {
      const came = Promise.withResolvers<void>();
      hold = { api, at, came: came.resolve };
      return {
        held: came.promise,
        release() {
          hold = undefined;
          came.resolve();
        },
      };
    },
    refuseCommits(now) {
      refuses = now;
    },
    async close() {
      for (const { client, server } of pairs) {
        client.destroy();
        server.destroy();
      }
      listener.close();
      await once(listener, 'close');
    },
  };
}
