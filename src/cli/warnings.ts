import process from 'node:process';
import type { LogEvent } from '../runtime/log-events.ts';
import { printableJson } from '../runtime/printable.ts';

/**
 * Imported first. Node prints warnings as plain text, which would mix with JSON log lines. Three that kafkajs causes on
 * current Node need no action: SlowBuffer is deprecated, a timer is set in the past (tulios/kafkajs#1751), and in an outage
 * a socket that still connects is closed many times.
 */
const CAUSED_BY_KAFKAJS = new Set(['DEP0030', 'TimeoutNegativeWarning']);

function isOfKafkajs({ name, code, stack = '' }: Warning): boolean {
  return CAUSED_BY_KAFKAJS.has(code ?? name) || (name === 'MaxListenersExceededWarning' && stack.includes('/kafkajs/'));
}

type Warning = Error & { readonly code?: string };

process.removeAllListeners('warning');
process.on('warning', (warning: Warning) => {
  if (isOfKafkajs(warning)) return;
  const line = { level: 40, event: 'node_warned' satisfies LogEvent, name: warning.name, msg: warning.message };
  process.stderr.write(`${printableJson(JSON.stringify(line))}\n`);
});
