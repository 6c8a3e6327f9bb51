import { readFileSync } from 'node:fs';
import process from 'node:process';
import type { Instant } from '../activity/instant.ts';
import { type Configuration, readConfiguration, type SettingTexts } from '../config/configuration.ts';
import { describeConfiguration } from '../config/effective-settings.ts';
import { describeMisspeltSetting } from '../config/misspelt-settings.ts';
import type { CommandName } from '../config/setting-uses.ts';
import type { Service, Settings } from '../config/settings.ts';
import { createMetrics, type Metrics } from '../observability/metrics.ts';
import { framesOf, LastseenError, placeOf, safeMessage } from '../runtime/errors.ts';
import { createLogger, type Logger, type LogLevel } from '../runtime/logging.ts';
import { printable, printableLines } from '../runtime/printable.ts';
import { describeDays } from './day-flags.ts';
import { createOutages, type Outages } from './outages.ts';
import { createLiveLine, type LiveLine } from './progress/live-line.ts';
import { createShutdown, type Shutdown } from './shutdown.ts';
import { table } from './tables.ts';

/** docs/operations.md has their meanings. 130 and 143 are those of a process that a signal ends before it handles it. */
export const EXIT = { done: 0, failed: 1, usage: 2, held: 3, tryLater: 75 } as const;

export interface CommandContext
  extends Pick<Shutdown, 'stopping' | 'graceDeadline' | 'startShutdownTimer' | 'stoppedBy'> {
  readonly command: string;
  readonly settings: Settings;
  readonly log: Logger;
  /** Logs what a command also prints. Not on a terminal, which would show it twice. */
  readonly logResult: Logger['info'];
  readonly outages: Outages;
  readonly metrics: Metrics;
  /** The last line of standard error, if it is a terminal that can move its cursor. */
  readonly live: LiveLine | undefined;
  now(): Instant;
  /** Writes a result to standard output, unprintable characters escaped. */
  print(text: string): void;
  /** Writes bytes to standard output as they are. */
  write(bytes: Buffer): void;
  /** Resolves once all output has left the process. Commands with much output wait for its reader. */
  flushed(): Promise<void>;
}

export const PRINT_CONFIG = ['--print-config', 'print the effective configuration and exit'] as const;

/** Flags of most commands. */
export interface OutputFlags {
  readonly json?: true;
  readonly printConfig?: true;
}

export interface CommandRun {
  readonly name: CommandName;
  readonly needs: readonly Service[];
  /** Services that it uses only if they are configured. */
  readonly mayUse?: readonly Service[];
  /** Flags that override settings, under the names of these. */
  readonly flags?: SettingTexts;
  readonly printConfig?: boolean | undefined;
  readonly work: (context: CommandContext) => Promise<number>;
}

/** Runs one command from configuration to exit code. The only place that ends the process. */
export async function runCommand(run: CommandRun): Promise<never> {
  const live = process.stderr.isTTY && process.env['TERM'] !== 'dumb' ? createLiveLine(process.stderr) : undefined;
  process.on('exit', () => live?.end());
  // Node's own report would print all properties of an error, such as the row values in a driver's detail.
  process.on('uncaughtException', (error) => {
    live?.end();
    process.exit(report(error, run.name));
  });
  try {
    const configuration = readConfiguration(process.env, run.flags ?? {}, run.printConfig ? [] : run.needs, (path) =>
      readFileSync(path, 'utf8'),
    );
    const code = run.printConfig ? printConfiguration(configuration, run) : await withSignals(run, configuration, live);
    await flushed();
    process.exit(code);
  } catch (error) {
    const code = report(error, run.name);
    await flushed();
    process.exit(code);
  }
}

/** Waits until stdout has been written: exiting loses what the reader of a pipe has not yet taken. */
function flushed(): Promise<void> {
  return new Promise((done) => {
    // The callback also runs if the reader has closed the pipe.
    process.stdout.write('', () => done());
  });
}

async function withSignals(
  run: CommandRun,
  { settings, misspelt }: Configuration,
  live: LiveLine | undefined,
): Promise<number> {
  const log = createLogger({
    level: settings.LOG_LEVEL as LogLevel,
    pretty: process.stderr.isTTY === true,
    // No colors if NO_COLOR is set or the terminal has none.
    colors: process.stderr.isTTY && process.stderr.hasColors(),
    command: run.name,
    above: live?.above,
  });
  for (const line of describeDays(process.argv)) log.info({ event: 'day_read' }, line);
  for (const each of misspelt) log.warn({ event: 'setting_misspelt', ...each }, describeMisspeltSetting(each));
  const shutdown = createShutdown(settings.STOP_WITHIN, () => {
    log.error({ event: 'shutdown_expired' }, 'did not stop within STOP_WITHIN; the next start repeats unfinished work');
    process.exit(EXIT.failed);
  });
  // Unhandled rejections arrive here too. The state of the process is unknown after one, so it exits.
  process.prependListener('uncaughtException', (error, origin) => {
    log.fatal(
      { event: 'process_crashed', origin, stack: error instanceof Error ? framesOf(error).trim() : undefined },
      'unexpected error',
    );
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // A second signal exits at once: every step is safe to abandon.
      if (shutdown.stopping.aborted) process.exit(EXIT.failed);
      log.info({ event: 'shutdown_started', signal }, 'stopping');
      shutdown.stop(signal);
    });
  }
  const isShownTwice = process.stderr.isTTY && process.stdout.isTTY;
  // If standard output is the same terminal.
  const above = live !== undefined && process.stdout.isTTY ? live.above : (write: () => void) => write();
  // A reader such as `head` has closed the pipe.
  process.stdout.on('error', () => process.exit(EXIT.failed));
  return run.work({
    command: run.name,
    settings,
    log,
    logResult: (fields, message) => isShownTwice || log.info(fields, message),
    outages: createOutages(log),
    metrics: createMetrics(),
    ...shutdown,
    live,
    now: () => BigInt(Date.now()) * 1000n,
    write: (bytes) => above(() => process.stdout.write(bytes)),
    print: (text) => above(() => process.stdout.write(`${printableLines(text)}\n`)),
    flushed,
  });
}

function printConfiguration(configuration: Configuration, { name: command, needs, mayUse = [] }: CommandRun): number {
  const services = [...needs, ...mayUse];
  const { effective, withoutEffect } = describeConfiguration(configuration, { name: command, services });
  // The value is last, so that a long one does not move the other columns.
  const rows = effective.map(({ name, from, value }) => [name, from, value]);
  const sections = [table(['name', 'from', 'value'], rows)];
  if (withoutEffect.length > 0) {
    const others = withoutEffect.map(({ name, from, because }) => [name, from, because]);
    sections.push(table(['set without effect', 'from', 'because'], others));
  }
  process.stdout.write(`${sections.join('\n\n')}\n`);
  for (const each of configuration.misspelt) printError(command, describeMisspeltSetting(each));
  return EXIT.done;
}

/**
 * Prints the lines of a known error, or the message and stack frames of an unknown one. `LOG_LEVEL=debug` adds the stack
 * frames of a known error and of its causes. Returns the exit code.
 */
function report(error: unknown, command: string): number {
  if (error instanceof LastseenError && error.code === 'stopped') return EXIT.done;
  const place = placeOf(error);
  const where = place === undefined ? '' : `; records: ${place}`;
  if (!(error instanceof LastseenError)) {
    const frames = error instanceof Error ? framesOf(error) : '';
    process.stderr.write(`lastseen ${command}: unexpected: ${printableLines(safeMessage(error) + where + frames)}\n`);
    return EXIT.failed;
  }
  const lines = `${error.message}${where}`.split('\n');
  for (const line of lines) printError(command, line);
  // As it was set: the configuration itself may be wrong.
  if (/^(debug|trace)$/.test(process.env['LOG_LEVEL'] ?? '')) printStack(error);
  switch (error.code) {
    case 'config_invalid':
    case 'tables_differ':
    case 'usage':
      return EXIT.usage;
    case 'held':
      return EXIT.held;
    case 'busy':
    case 'lock_lost':
    case 'not_fresh':
    case 'contradicted':
      return EXIT.tryLater;
    default:
      return EXIT.failed;
  }
}

function printError(command: string, line: string): void {
  process.stderr.write(`lastseen ${command}: ${printable(line)}\n`);
}

/** Without the messages of the causes, which may quote values of rows. */
function printStack(error: Error): void {
  process.stderr.write(`${printableLines(`${error.name}${framesOf(error)}`)}\n`);
  if (error.cause instanceof Error) printStack(error.cause);
}
