import type { TestProject } from 'vitest/node';
import { type StackAddresses, startStack } from '../../stack/stack.ts';

declare module 'vitest' {
  interface ProvidedContext {
    stack: StackAddresses;
  }
}

/** One stack for the whole project; each file takes a database, a connector and topics of its own from it. */
export default async function startStackOnce(project: TestProject): Promise<() => Promise<void>> {
  const stack = await startStack({
    onProgress: (part, state, detail) => {
      if (state === 'ready' || state === 'failed') console.log(`${part} ${state}${detail ? `: ${detail}` : ''}`);
    },
  });
  project.provide('stack', stack.addresses);
  return () => stack.stop();
}
