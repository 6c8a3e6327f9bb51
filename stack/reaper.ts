/**
 * A process in its own session that outlives the launcher. It reads from a pipe what to clean up, and cleans up when the
 * pipe closes. The kernel closes it when the launcher ends in any way, including SIGKILL.
 */
import { createInterface } from 'node:readline';
import { tearDown } from './teardown.ts';

const groups = new Map<number, NodeJS.Signals>();
const paths = new Set<string>();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

for await (const line of createInterface({ input: process.stdin })) {
  const [verb = '', subject = '', signal = 'SIGKILL'] = line.split('\t');
  if (verb === 'watch') groups.set(Number(subject), signal as NodeJS.Signals);
  else if (verb === 'forget') groups.delete(Number(subject));
  else if (verb === 'remove') paths.add(subject);
  else if (verb === 'keep') paths.delete(subject);
}
await tearDown(groups, paths);
process.exit(0);
