import type { Logger } from '../runtime/logging.ts';
import { duration } from './progress/progress-line.ts';

/** Logs outages of other services: each at once, then once a minute while it lasts, and its end. */
export interface Outages {
  /**
   * A service does not answer. Several parts of the process may report the same outage.
   *
   * @param code of the error, such as `kafka_unavailable`
   * @param from which server, if the service has several
   */
  failed(code: string, error: string, from?: string): void;
  /** The service answers again. For the part of the process that reported the failure. */
  answered(code: string): void;
  /** The codes of outages that last. */
  current(): readonly string[];
}

const LOG_EVERY_MS = 60_000;
/** Longer than the time between two attempts of any part of the process. */
const OVER_AFTER_MS = 180_000;
/** The end of a shorter outage is not logged, nor is a next one within the minute: such failures are retries. */
const SHORT_MS = 5_000;

interface Outage {
  sinceMs: number;
  failedAtMs: number;
  /** Undefined: the next failure is logged. */
  loggedAtMs: number | undefined;
  isOver: boolean;
  /** The servers that failed since the last line. */
  from: Set<string>;
}

export function createOutages(log: Pick<Logger, 'warn' | 'info'>, nowMs = () => performance.now()): Outages {
  const outages = new Map<string, Outage>();
  return {
    failed(code, error, from) {
      const now = nowMs();
      const outage = outages.get(code) ?? {
        sinceMs: now,
        failedAtMs: now,
        loggedAtMs: undefined,
        isOver: false,
        from: new Set(),
      };
      outages.set(code, outage);
      if (outage.isOver || now - outage.failedAtMs > OVER_AFTER_MS)
        Object.assign(outage, { sinceMs: now, isOver: false });
      outage.failedAtMs = now;
      if (from !== undefined) outage.from.add(from);
      if (outage.loggedAtMs !== undefined && now - outage.loggedAtMs < LOG_EVERY_MS) return;
      outage.loggedAtMs = now;
      const servers = [...outage.from];
      outage.from.clear();
      const sinceMs = Math.round(now - outage.sinceMs);
      log.warn(
        { event: 'outage_waiting', code, error, ...(servers.length === 0 ? {} : { servers }), sinceMs },
        `waiting for another service${sinceMs < SHORT_MS ? '' : `, for ${duration(Math.round(sinceMs / 1_000))}`}: ${error}`,
      );
    },
    current() {
      const now = nowMs();
      const lasts = ({ isOver, failedAtMs }: Outage) => !isOver && now - failedAtMs <= OVER_AFTER_MS;
      return [...outages].filter(([, outage]) => lasts(outage)).map(([code]) => code);
    },
    answered(code) {
      const outage = outages.get(code);
      if (outage === undefined || outage.isOver) return;
      outage.isOver = true;
      const lastedMs = Math.round(nowMs() - outage.sinceMs);
      if (lastedMs < SHORT_MS) return;
      outage.loggedAtMs = undefined;
      log.info(
        { event: 'outage_ended', code, lastedMs },
        `the service answers again, after ${duration(Math.round(lastedMs / 1_000))}`,
      );
    },
  };
}
