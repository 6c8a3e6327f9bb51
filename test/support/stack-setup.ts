import type { TestProject } from 'vitest/node';
import type { SecuredFront } from '../../stack/servers/secured.ts';
import { type StackAddresses, startStack } from '../../stack/stack.ts';

declare module 'vitest' {
  interface ProvidedContext {
    stack: StackAddresses;
    secured: SecuredFront;
  }
}

/** Starts one stack for the whole project. Each file creates its own database, connector and topics on it. */
export default async function startStackOnce(project: TestProject): Promise<() => Promise<void>> {
  const stack = await startStack({
    secured: true,
    onProgress: (part, state, detail) => {
      if (state === 'ready' || state === 'failed') console.log(`${part} ${state}${detail ? `: ${detail}` : ''}`);
    },
  });
  project.provide('stack', stack.addresses);
  if (stack.secured !== undefined) project.provide('secured', stack.secured);
  return () => stack.stop();
}
