import type { Instant } from '../activity/instant.ts';
import type { MigrationNames } from '../setup/migrations-store.ts';
import { type Finding, failed, ok, warning } from './examine.ts';
import type { ServerFacts, TableFacts } from './server-store.ts';

export function version({ versionNumber, version, role }: ServerFacts): Finding {
  if (versionNumber < 150_000) return failed(`Postgres ${version}`, 'lastseen needs Postgres 15 or newer');
  return ok(`Postgres ${version}, as role ${role}`);
}

export function walLevel({ walLevel, isStandby }: ServerFacts): Finding {
  if (walLevel !== 'logical') {
    return failed(
      `wal_level is ${walLevel}: no connector can read changes`,
      'ALTER SYSTEM SET wal_level = logical, and restart',
    );
  }
  if (isStandby) {
    return warning(
      'this is a standby: freshness can be proven on the primary alone, and nothing can be written',
      'let DATABASE_URL name the primary; a replica is for SOURCE_DATABASE_URL',
    );
  }
  return ok('wal_level is logical');
}

const CLOCK_OFF_US = 5_000_000n;

/** @param asked and answered: our clock around the answer. */
export function clock(server: Instant, asked: Instant, answered: Instant): Finding {
  const difference = server - (asked + answered) / 2n;
  const seconds = `${(Number(difference) / 1e6).toFixed(3)} s`;
  const off = difference < 0n ? -difference : difference;
  if (off <= CLOCK_OFF_US + (answered - asked) / 2n) return ok(`Postgres' clock differs from ours by ${seconds}`);
  return warning(
    `Postgres' clock differs from ours by ${seconds}`,
    'set both by NTP: an instant is judged by the clock of whoever wrote it',
  );
}

export function migrations({ applied, known }: MigrationNames): Finding {
  const pending = known.filter((name) => !applied.includes(name));
  if (pending.length > 0) return failed(`not migrated: ${pending.join(', ')}`, 'run `lastseen migrate`');
  const unknown = applied.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    return warning(`a newer release has migrated: ${unknown.join(', ')}`, 'is this the release that is deployed?');
  }
  return ok(`own tables are those of this release (${known.at(-1)})`);
}

export function ownTables(role: string, unreadable: readonly string[]): Finding {
  if (unreadable.length === 0) return ok(`role ${role} may read all own tables`);
  return warning(
    `role ${role} may not read ${unreadable.join(', ')}`,
    'as lastseen_operator it should: apply k8s/postgres/roles.sql of this release; other roles are not given all',
  );
}

export function sourceTable({ table, exists, missing, unreadable }: TableFacts): Finding {
  if (!exists) return failed(`there is no table ${table}`, 'make it, or leave it out of SOURCES');
  if (missing.length > 0) return failed(`${table} has no column ${missing.join(', ')}`, 'its records are dead letters');
  if (unreadable.length > 0) {
    return failed(
      `${table}: no right to read ${unreadable.join(', ')}`,
      'apply k8s/postgres/roles.sql of this release',
    );
  }
  return ok(`${table} has what is read of it`);
}
