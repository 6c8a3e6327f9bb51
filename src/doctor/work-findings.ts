import { type Instant, MICROS_PER_DAY } from '../activity/instant.ts';
import { readableInstant } from '../cli/tables.ts';
import type { SweepRun } from '../history/sweep-runs-store.ts';
import type { TopicSpec } from '../kafka/admin/admin.ts';
import type { GroupFacts } from '../kafka/admin/groups.ts';
import { differencesOf } from '../kafka/admin/topic-differences.ts';
import type { TopicSettings } from '../kafka/admin/topic-settings.ts';
import type { SchemaCheck } from '../registry/own-schemas.ts';
import { type Finding, failed, ok, skipped, warning } from './checks.ts';

export function topic(spec: TopicSpec, found: TopicSettings | undefined): Finding {
  if (found === undefined) return failed(`there is no topic ${spec.topic}`, 'run `lastseen topics`');
  const { partitions, replication, config } = found;
  const message =
    `${spec.topic}: ${partitions} partitions, ${replication} replicas, ` +
    `${config.get('cleanup.policy')}, retention.ms ${config.get('retention.ms')}`;
  const differences = differencesOf(spec, found);
  if (differences.length === 0) return ok(message);
  const lines = differences.map(({ what, is, wanted }) => `${what} is ${is}, not ${wanted}`);
  return warning(`${message}: ${lines.join('; ')}`, 'run `lastseen topics --check`, which prints the commands to run');
}

export function schema({ subject, registeredId, incompatibilities }: SchemaCheck): Finding {
  if (registeredId !== undefined) return ok(`${subject} is registered (id ${registeredId})`);
  if (incompatibilities.length === 0) return failed(`${subject} is not registered`, 'run `lastseen schemas register`');
  return failed(
    `${subject} is incompatible: ${incompatibilities.join('; ')}`,
    'check that the deployed release is this one',
  );
}

export function brokers(count: number): Finding {
  return ok(count === 1 ? '1 broker answers' : `${count} brokers answer`);
}

export function group(
  command: string,
  { group: name, state, members, subscriptions }: GroupFacts & { readonly group: string },
  lag: bigint,
  topics: readonly string[],
): Finding {
  const message = `group ${name}: ${members} members, ${state}, ${lag} records behind`;
  const other = subscriptions.find((each) => new Set(each.topics).symmetricDifference(new Set(topics)).size > 0);
  if (other !== undefined) {
    return failed(
      `${message}: member ${other.member} reads ${other.topics.join(', ')}`,
      `this process would read ${topics.join(', ')}: give a second installation another OWN_PREFIX, or restart \`${command}\` after a change of SOURCES`,
    );
  }
  return members === 0 ? warning(`${message}: no process reads`, `start \`lastseen ${command}\``) : ok(message);
}

export function deadLetters(topic: string, count: bigint | undefined): Finding {
  if (count === undefined) return skipped(`there is no topic ${topic}`);
  if (count === 0n) return ok(`${topic} contains no dead letters`);
  return warning(
    `${topic} contains ${count} dead letters`,
    'run `lastseen dlq list` for the reasons, fix them, then run `lastseen dlq redrive`',
  );
}

const MAX_OUTBOX_WAIT_SECONDS = 300;

export function outbox(name: string, { waiting, oldestSeconds }: { waiting: bigint; oldestSeconds: number }): Finding {
  if (waiting === 0n) return ok(`${name}: all events are published`);
  const message = `${name}: ${waiting} unpublished events, the oldest for ${Math.round(oldestSeconds)} s`;
  if (oldestSeconds <= MAX_OUTBOX_WAIT_SECONDS) return ok(message);
  return warning(message, 'check that `track` or `recompute` is running, and its log lines relay_failed');
}

/** One day, and an hour for a run that waits. */
const MAX_SWEEP_AGE_US = MICROS_PER_DAY + MICROS_PER_DAY / 24n;

export function lastSweep(run: SweepRun | undefined, now: Instant): Finding {
  if (run === undefined)
    return warning('no sweep has run yet', 'run `lastseen sweep --dry-run`, then check that the CronJob exists');
  const message = `the newest run started ${readableInstant(run.started_at)} and is ${run.status}`;
  if (run.status === 'held') {
    return warning(`${message}: ${run.held_because}`, `run \`lastseen sweep approve ${run.run_id}\` or \`discard\``);
  }
  if (run.status === 'failed')
    return warning(`${message}: ${run.failure?.split('\n')[0]}`, 'fix the error it names, then run it again');
  if (now - run.started_at > MAX_SWEEP_AGE_US)
    return warning(`${message}: more than a day ago`, 'check that the CronJob exists');
  return ok(message);
}
