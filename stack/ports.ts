import { createServer } from 'node:net';
import { StackError } from './errors.ts';

// Below the range that Linux and macOS use for outgoing connections, so that a part's port stays free between killPart and
// startPart.
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

// A port may be used long after it was returned here.
const reserved = new Set<number>();

/** Free ports on 127.0.0.1. No port is returned twice in a process. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let attempt = 0; attempt < 1_000 && found.size < count; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    if (reserved.has(port)) continue;
    reserved.add(port);
    if (await isFree(port)) found.add(port);
  }
  if (found.size < count) throw new StackError(`no free port on 127.0.0.1 between ${LOWEST} and ${HIGHEST}: free some`);
  return [...found];
}
