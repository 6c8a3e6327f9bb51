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

/** Distinct free ports on 127.0.0.1. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let attempt = 0; attempt < 1_000 && found.size < count; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  if (found.size < count) throw new StackError(`no free port on 127.0.0.1 between ${LOWEST} and ${HIGHEST}: free some`);
  return [...found];
}
