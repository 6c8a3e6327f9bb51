import type { Instant } from '../activity/instant.ts';
import { APPLY_ROLES, type Finding, failed, MIGRATE, ok, warning } from '../preflight/finding.ts';
import type { MigrationNames } from '../setup/migrations-store.ts';
import type { ServerFacts } from './postgres-store.ts';

const REQUIREMENTS = 'docs/deploying.md#requirements';
const ELSEWHERE = 'docs/deploying.md#source-elsewhere';

export function version({ versionNumber, version, role }: ServerFacts): Finding {
  if (versionNumber < 150_000)
    return failed(`Postgres ${version} is too old`, { hint: 'upgrade to Postgres 15 or newer', page: REQUIREMENTS });
  return ok(`Postgres ${version}, as role ${role}`);
}

/** @param isKnownStandby the connector decodes from a standby whose primary is DATABASE_URL's server. */
export function walLevel({ walLevel, isStandby }: ServerFacts, isKnownStandby: boolean): Finding {
  if (walLevel !== 'logical') {
    return failed(`wal_level is ${walLevel}: no connector can read changes`, {
      hint: 'ALTER SYSTEM SET wal_level = logical, and restart Postgres',
      page: REQUIREMENTS,
    });
  }
  if (isKnownStandby) return ok('wal_level is logical, on a standby of the server of DATABASE_URL');
  if (isStandby) {
    return warning('this is a standby: freshness can be proven only on the primary, and nothing can be written', {
      hint: 'set DATABASE_URL to the primary; SOURCE_DATABASE_URL may be a replica',
      page: ELSEWHERE,
      remedy: { setting: 'DATABASE_URL' },
    });
  }
  return ok('wal_level is logical');
}

export function replicaBehind(position: string): Finding {
  return warning(
    `the standby has not replayed its primary's log up to ${position} within 2 s: recompute waits (replica_behind)`,
    {
      hint: 'look at pg_stat_replication on the primary, and at long queries and recovery_min_apply_delay on the standby; or set SOURCE_DATABASE_URL to the primary',
      page: 'docs/runbooks/LastseenOutage.md',
    },
  );
}

const MAX_CLOCK_SKEW_US = 5_000_000n;

/**
 * @param sentAt our clock before the query
 * @param answeredAt our clock after the answer
 */
export function clock(server: Instant, sentAt: Instant, answeredAt: Instant): Finding {
  const difference = server - (sentAt + answeredAt) / 2n;
  const seconds = `${(Number(difference) / 1e6).toFixed(3)} s`;
  const skew = difference < 0n ? -difference : difference;
  if (skew <= MAX_CLOCK_SKEW_US + (answeredAt - sentAt) / 2n)
    return ok(`Postgres' clock differs from ours by ${seconds}`);
  return warning(`Postgres' clock differs from ours by ${seconds}`, {
    hint: 'synchronize both with NTP: instants of both clocks are compared',
    page: REQUIREMENTS,
  });
}

/** The role of `migrate` need not have the right to create a schema. */
export function missingSchema(): Finding {
  return failed('there is no schema lastseen: nothing is installed in this database', {
    ...APPLY_ROLES,
    hint: `${APPLY_ROLES.hint}, then run \`lastseen migrate\``,
    page: REQUIREMENTS,
  });
}

/** @param missing tables that the migrations have created and that do not exist */
export function migrations({ applied, known }: MigrationNames, missing: readonly string[]): Finding {
  const pending = known.filter((name) => !applied.includes(name));
  if (pending.length > 0) return failed(`migrations are pending: ${pending.join(', ')}`, MIGRATE);
  if (missing.length > 0) {
    return failed(`there is no table ${missing.join(', ')}, although its migration was run`, {
      hint: 'restore the own tables from a backup, or rebuild them',
      page: 'docs/operations/backup-and-recovery.md#all-own-tables-are-lost',
    });
  }
  const unknown = applied.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    return warning(`migrations of a newer release are applied: ${unknown.join(', ')}`, {
      hint: 'check that the deployed release is this one',
      page: 'docs/deploying.md#upgrade',
    });
  }
  return ok(`own tables match this release (${known.at(-1)})`);
}

export function ownTables(role: string, unreadable: readonly string[]): Finding {
  if (unreadable.length === 0) return ok(`role ${role} may read all own tables`);
  return warning(`role ${role} may not read ${unreadable.join(', ')}`, {
    ...APPLY_ROLES,
    hint: `if it is lastseen_operator, ${APPLY_ROLES.hint}; other roles need not read all`,
  });
}
