import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import type { SecuredFront } from '../../stack/servers/secured.ts';
import { type StackAddresses, startStack } from '../../stack/stack.ts';

declare module 'vitest' {
  interface ProvidedContext {
    stack: StackAddresses;
    secured: SecuredFront;
    /** The broker's directories of partitions. */
    kafkaData: string;
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
  project.provide('kafkaData', join(stack.runDir, 'kafka/data'));
  if (stack.secured !== undefined) project.provide('secured', stack.secured);
  return () => stack.stop();
}
