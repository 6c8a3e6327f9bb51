import process from 'node:process';
import type { LogEvent } from '../runtime/log-events.ts';
import { printableJson } from '../runtime/printable.ts';

/**
 * Imported first. Node prints warnings as plain text, which would mix with JSON log lines. Two that kafkajs causes on
 * current Node need no action: SlowBuffer is deprecated, and a timer is set in the past (tulios/kafkajs#1751).
 */
const CAUSED_BY_KAFKAJS = new Set(['DEP0030', 'TimeoutNegativeWarning']);

process.removeAllListeners('warning');
process.on('warning', (warning: Error & { code?: string }) => {
  if (CAUSED_BY_KAFKAJS.has(warning.code ?? warning.name)) return;
  const line = { level: 40, event: 'node_warned' satisfies LogEvent, name: warning.name, msg: warning.message };
  process.stderr.write(`${printableJson(JSON.stringify(line))}\n`);
});
