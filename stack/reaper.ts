/**
 * Outlives the launcher by design: a process of its own session that reads what to clean up from a pipe and does so when
 * the pipe closes, which the kernel sees to however the launcher ends, SIGKILL included.
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
