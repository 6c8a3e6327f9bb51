import pino from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { LogEvent } from './log-events.ts';
import { printableJson, printableLines } from './printable.ts';
import { snakeKeys } from './snake-keys.ts';

/** Writes a line; `message` describes the event for people. */
type LogMethod = (fields: { readonly event: LogEvent; readonly [field: string]: unknown }, message: string) => void;
export type Logger = Readonly<Record<'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal', LogMethod>>;
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/**
 * The logger of the process, on stderr: JSON lines, or readable text on a terminal. A line has an event and fields; never
 * row data, never a secret. Unprintable characters are escaped.
 */
export function createLogger(options: {
  level: LogLevel;
  pretty: boolean;
  colors?: boolean;
  command: string;
  /** Runs `write` so that its lines do not mix with what else the terminal shows. */
  above?: ((write: () => void) => void) | undefined;
}): Logger {
  const base = {
    level: options.level,
    base: { command: options.command },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { log: (fields: object) => snakeKeys(fields) as Record<string, unknown> },
  };
  // Synchronous, so that the last lines before an exit are written.
  const stderr = pino.destination({ fd: 2, sync: true });
  if (!options.pretty) return pino({ ...base, hooks: { streamWrite: printableJson } }, stderr);
  const { above = (write) => write() } = options;
  const prettify = prettyFactory({
    colorize: options.colors ?? false,
    ignore: 'pid,hostname,command',
    translateTime: 'HH:MM:ss.l',
    singleLine: true,
  });
  return pino(
    { ...base, formatters: { log: (fields) => printableText(snakeKeys(fields)) as Record<string, unknown> }, hooks },
    { write: (line) => above(() => stderr.write(prettify(line))) },
  );
}

const hooks: NonNullable<pino.LoggerOptions['hooks']> = {
  logMethod(args, method) {
    method.apply(this, args.map((each) => (typeof each === 'string' ? printableLines(each) : each)) as typeof args);
  },
};

/** A copy with the text at any depth escaped. */
function printableText(value: unknown): unknown {
  if (typeof value === 'string') return printableLines(value);
  if (Array.isArray(value)) return value.map(printableText);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, printableText(item)]));
}
