import { type Instant, MICROS_PER_DAY } from '../activity/instant.ts';
import { readableInstant } from '../cli/tables.ts';
import type { Settings } from '../config/settings.ts';
import type { AuditRun } from '../history/audit-runs-store.ts';
import type { SweepRun } from '../history/sweep-runs-store.ts';
import { describeGap, type PartitionGap } from '../last-seen/gap.ts';
import type { OpenLetterCounts } from '../last-seen/letters-store.ts';
import { type Finding, failed, ok, type Remedy, warning } from '../preflight/finding.ts';
import { planError } from '../silence/plan.ts';

/** What a sweep refuses to decide by. */
export function thresholds({
  INACTIVITY_THRESHOLD_DAYS: days,
  KPI_LOOKBACK_DAYS: lookbackDays,
}: Pick<Settings, 'INACTIVITY_THRESHOLD_DAYS' | 'KPI_LOOKBACK_DAYS'>): Finding {
  const error = planError(days, lookbackDays);
  if (error === undefined)
    return ok(`inactive after ${days.join(', ')} days, left out after ${lookbackDays} days of silence`);
  return failed(error, {
    hint: 'correct INACTIVITY_THRESHOLD_DAYS and KPI_LOOKBACK_DAYS',
    page: 'docs/operations/sweeps.md',
    remedy: { setting: 'KPI_LOOKBACK_DAYS' },
  });
}

export function gaps(open: readonly PartitionGap[]): readonly Finding[] {
  if (open.length === 0) return [ok('all records were read')];
  return open.map((gap) =>
    failed(describeGap(gap), {
      hint: 'run `lastseen audit --repair`',
      page: 'docs/runbooks/LastseenGapOpen.md',
      remedy: REPAIR,
    }),
  );
}

/** It compares last seen with the source tables, and closes what it has compared. */
const REPAIR: Remedy = { command: 'lastseen audit --repair' };

/** @param maxUnreadable DLQ_UNREADABLE_MAX */
export function openLetters(counts: readonly OpenLetterCounts[], maxUnreadable: number): readonly Finding[] {
  const open = counts.filter(({ letters }) => letters > 0n);
  if (open.length === 0) return [ok('no dead letter of track is open')];
  return open.map(({ topic, letters, unreadable }) => {
    const message = `${letters} dead letters of ${topic} are open, ${unreadable} of them without a readable learner`;
    if (unreadable > BigInt(maxUnreadable)) {
      return failed(`${message}: no sweep decides`, {
        hint: 'see `lastseen dlq list --open`, remove the cause, then run `lastseen audit --repair`',
        page: 'docs/runbooks/LastseenLettersUnreadable.md',
        remedy: REPAIR,
      });
    }
    return warning(`${message}: sweeps leave their learners out`, {
      hint: 'see `lastseen dlq list --open`, remove the cause, then run `lastseen audit --repair`',
      page: 'docs/runbooks/LastseenLettersOpen.md',
      remedy: REPAIR,
    });
  });
}

/** @param redriven how many of the kept letters were sent back */
export function recomputeLetters(topic: string, kept: bigint, redriven: bigint): Finding {
  const left = kept - redriven;
  const sentBack = redriven === 0n ? '' : ` (${redriven} were sent back)`;
  if (left <= 0n) return ok(`${topic} has no dead letter that was not sent back${sentBack}`);
  return warning(`${topic} has ${left} dead letters${sentBack}`, {
    hint: 'see `lastseen dlq list --topic recompute`, remove the cause, then run `lastseen dlq redrive --topic recompute`',
    page: 'docs/runbooks/LastseenDeadLetters.md',
  });
}

const MAX_OUTBOX_WAIT_SECONDS = 300;

export function outbox(name: string, { waiting, oldestSeconds }: { waiting: bigint; oldestSeconds: number }): Finding {
  if (waiting === 0n) return ok(`${name}: all events are published`);
  const message = `${name}: ${waiting} unpublished events, the oldest for ${Math.round(oldestSeconds)} s`;
  if (oldestSeconds <= MAX_OUTBOX_WAIT_SECONDS) return ok(message);
  return warning(message, {
    hint: 'check that `track` or `recompute` is running, and its log lines relay_failed',
    page: 'docs/runbooks/LastseenOutboxStuck.md',
  });
}

/** One day, and an hour for a run that waits. */
const MAX_RUN_AGE_US = MICROS_PER_DAY + MICROS_PER_DAY / 24n;

export function lastSweep(run: SweepRun | undefined, now: Instant): Finding {
  if (run === undefined) {
    return warning('no sweep has run yet', {
      hint: 'run `lastseen sweep --dry-run`, then check that the CronJob exists',
      page: 'docs/runbooks/LastseenNeverSwept.md',
    });
  }
  const message = `the newest run started ${readableInstant(run.started_at)} and is ${run.status}`;
  if (run.status === 'held') {
    return warning(`${message}: ${run.held_because}`, {
      hint: `run \`lastseen sweep approve ${run.run_id}\` or \`lastseen sweep discard ${run.run_id}\``,
      page: 'docs/runbooks/LastseenSweepHeld.md',
    });
  }
  if (run.status === 'failed') {
    const why = run.failure?.split('\n')[0] ?? 'no reason was recorded';
    return warning(`${message}: ${why}`, {
      hint: 'fix the error it names, then run it again',
      page: why.startsWith('contradicted:')
        ? 'docs/runbooks/LastseenSweepContradicted.md'
        : 'docs/runbooks/LastseenNoSweepCompleted.md',
    });
  }
  if (now - run.started_at > MAX_RUN_AGE_US) {
    return warning(`${message}: more than a day ago`, {
      hint: 'check that the CronJob exists',
      page: 'docs/runbooks/LastseenNoSweepCompleted.md',
    });
  }
  return ok(message);
}

export function lastAudit(run: AuditRun | undefined, now: Instant): Finding {
  if (run === undefined) {
    return warning('no audit has run yet', {
      hint: 'run `lastseen audit`, then check that the CronJob exists',
      page: 'docs/runbooks/LastseenNeverAudited.md',
    });
  }
  const message = `the newest audit started ${readableInstant(run.started_at)} and is ${run.status}`;
  if (run.status === 'drift') {
    return failed(`${message}: ${run.drifting} learners are missing or behind`, {
      hint: 'run `lastseen audit --repair`',
      page: 'docs/runbooks/LastseenAuditDrift.md',
      remedy: REPAIR,
    });
  }
  if (run.status === 'failed') {
    return warning(`${message}: ${run.failure?.split('\n')[0] ?? 'no reason was recorded'}`, {
      hint: 'fix the error it names, then run it again',
      page: 'docs/runbooks/LastseenNoAudit.md',
    });
  }
  if (now - run.started_at > 2n * MAX_RUN_AGE_US) {
    return warning(`${message}: more than two days ago`, {
      hint: 'check that the CronJob exists',
      page: 'docs/runbooks/LastseenNoAudit.md',
    });
  }
  return ok(message);
}
