import { createServer } from 'node:net';
import { StackError } from './errors.ts';

// Below the range from which Linux and macOS give out ports to outgoing connections: nothing takes a part's port while
// the part is down between killPart and startPart.
const LOWEST = 20_000;
const HIGHEST = 31_999;

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.unref();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

// Ports are taken long after they are given, when the servers before have started.
const given = new Set<number>();

/** Free ports on 127.0.0.1, none given to two callers of this process. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let attempt = 0; attempt < 1_000 && found.size < count; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) found.add(port);
  }
  if (found.size < count) throw new StackError(`no free port on 127.0.0.1 between ${LOWEST} and ${HIGHEST}: free some`);
  return [...found];
}
