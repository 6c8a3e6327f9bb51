import { LOG_EVENTS, type LogEvent } from '../../src/runtime/log-events.ts';

/** Matches a log line of an event. The compiler rejects an event that lastseen does not log. */
export function logLine(event: LogEvent, ...rest: readonly string[]): RegExp {
  return new RegExp([`"event":"${event}"`, ...rest].join('.*'));
}

/** The JSON of a command's output line. @throws Error if a key is not snake_case */
export function parseOutput<T>(line: string): T {
  const value = JSON.parse(line) as T;
  const wrong = camelCaseKeys(value);
  if (wrong.length > 0) throw new Error(`keys in camelCase: ${wrong.join(', ')} in ${line}`);
  return value;
}

/** @throws Error if a JSON line of the log has an unlisted event, or a key that is not snake_case */
export function checkLog(stderr: string): void {
  for (const line of stderr.split('\n').filter((each) => each.startsWith('{') && each.endsWith('}'))) {
    const { event } = parseOutput<{ readonly event?: unknown }>(line);
    if (!(String(event) in LOG_EVENTS)) throw new Error(`an event that log-events.ts does not list: ${line}`);
  }
}

/** The lines for people on stderr: without log lines, and without the stacks that LOG_LEVEL=debug adds. */
export function messagesIn(stderr: string): readonly string[] {
  return stderr.split('\n').filter((line) => !/^$|^\{|^ {4}at |^\w+$/.test(line));
}

function camelCaseKeys(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(camelCaseKeys);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [
    ...(/^[a-z][a-z0-9]*[A-Z]\w*$/.test(key) ? [key] : []),
    ...camelCaseKeys(item),
  ]);
}
