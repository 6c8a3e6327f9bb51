import process from 'node:process';
import type { LogEvent } from '../runtime/log-events.ts';

/**
 * Imported first. Node's own printing of warnings would put text between JSON log lines; two that the Kafka driver
 * causes by itself on current Node (an old buffer class, and a timer set into the past that fires at once) say nothing
 * to an operator.
 */
const OF_THE_DRIVER = new Set(['DEP0030', 'TimeoutNegativeWarning']);

process.removeAllListeners('warning');
process.on('warning', (warning: Error & { code?: string }) => {
  if (OF_THE_DRIVER.has(warning.code ?? warning.name)) return;
  process.stderr.write(
    `${JSON.stringify({ level: 40, event: 'node_warned' satisfies LogEvent, name: warning.name, msg: warning.message })}\n`,
  );
});
