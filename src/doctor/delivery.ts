import { type Instant, MICROS_PER_DAY } from '../activity/instant.ts';
import { forPeople } from '../cli/dates.ts';
import type { SweepRun } from '../history/sweep-runs-store.ts';
import type { TopicSpec } from '../kafka/admin/admin.ts';
import type { GroupFacts } from '../kafka/admin/cluster-facts.ts';
import { differencesOf } from '../kafka/admin/topic-differences.ts';
import type { TopicSettings } from '../kafka/admin/topic-settings.ts';
import type { SchemaCheck } from '../registry/own-schemas.ts';
import { type Finding, failed, ok, skipped, warning } from './examine.ts';

export function topic(spec: TopicSpec, found: TopicSettings | undefined): Finding {
  if (found === undefined) return failed(`there is no topic ${spec.topic}`, 'run `lastseen topics`');
  const { partitions, replication, config } = found;
  const says =
    `${spec.topic}: ${partitions} partitions, ${replication} replicas, ` +
    `${config.get('cleanup.policy')}, retention.ms ${config.get('retention.ms')}`;
  const differences = differencesOf(spec, found);
  if (differences.length === 0) return ok(says);
  const lacks = differences.map(({ what, is, wanted }) => `${what} is ${is}, not ${wanted}`);
  return warning(`${says}: ${lacks.join('; ')}`, '`lastseen topics --check` tells the commands');
}

export function schema({ subject, registeredId, incompatibilities }: SchemaCheck): Finding {
  if (registeredId !== undefined) return ok(`${subject} is registered (id ${registeredId})`);
  if (incompatibilities.length === 0) return failed(`${subject} is not registered`, 'run `lastseen schemas register`');
  return failed(`${subject} is incompatible: ${incompatibilities.join('; ')}`, 'is this the release that is deployed?');
}

export function group(command: string, { state, members }: GroupFacts, lag: bigint): Finding {
  const says = `${members} members, ${state}, ${lag} records behind`;
  return members === 0 ? warning(`${says}: nobody reads`, `start \`lastseen ${command}\``) : ok(says);
}

export function deadLetters(topic: string, kept: bigint | undefined): Finding {
  if (kept === undefined) return skipped(`there is no topic ${topic}`);
  if (kept === 0n) return ok(`${topic} holds no dead letter`);
  return warning(
    `${topic} holds ${kept} dead letters`,
    '`lastseen dlq list` tells why; mend that, then `lastseen dlq redrive`',
  );
}

const OUTBOX_WAITS_SECONDS = 300;

export function outbox(name: string, { waiting, oldestSeconds }: { waiting: bigint; oldestSeconds: number }): Finding {
  if (waiting === 0n) return ok(`${name}: every event is published`);
  const says = `${name}: ${waiting} events wait, the oldest for ${Math.round(oldestSeconds)} s`;
  if (oldestSeconds <= OUTBOX_WAITS_SECONDS) return ok(says);
  return warning(says, 'is `track` or `recompute` running, do the brokers take its events (log lines relay_failed)?');
}

/** A day, and what a run may take to wait. */
const SWEPT_WITHIN_US = MICROS_PER_DAY + MICROS_PER_DAY / 24n;

export function lastSweep(run: SweepRun | undefined, now: Instant): Finding {
  if (run === undefined)
    return warning('no sweep was ever run', 'is the CronJob there? `lastseen sweep --dry-run` first');
  const says = `the newest run started ${forPeople(run.started_at)} and is ${run.status}`;
  if (run.status === 'held') {
    return warning(`${says}: ${run.held_because}`, `\`lastseen sweep approve ${run.run_id}\` or \`discard\``);
  }
  if (run.status === 'failed')
    return warning(`${says}: ${run.failure?.split('\n')[0]}`, 'mend what it names, then run it again');
  if (now - run.started_at > SWEPT_WITHIN_US) return warning(`${says}: more than a day ago`, 'is the CronJob there?');
  return ok(says);
}
