import pino from 'pino';
import pretty from 'pino-pretty';
import type { LogEvent } from './log-events.ts';
import { snakeKeys } from './snake-keys.ts';

/** Writes a line; `message` repeats the event in words for people. */
type LogMethod = (fields: { readonly event: LogEvent; readonly [field: string]: unknown }, message: string) => void;
export type Logger = Readonly<Record<'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal', LogMethod>>;
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/**
 * The process's one logger, on stderr: JSON lines, or text for people on a terminal. A line is an event name and
 * fields; never row data, never a secret.
 */
export function createLogger(options: { level: LogLevel; pretty: boolean; colors?: boolean; command: string }): Logger {
  const base = {
    level: options.level,
    base: { command: options.command },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { log: (fields: object) => snakeKeys(fields) as Record<string, unknown> },
  };
  // Synchronous, so that the last lines of a process that ends are written.
  if (!options.pretty) return pino(base, pino.destination({ fd: 2, sync: true }));
  return pino(
    base,
    pretty({
      destination: 2,
      sync: true,
      colorize: options.colors ?? false,
      ignore: 'pid,hostname,command',
      translateTime: 'HH:MM:ss.l',
    }),
  );
}
