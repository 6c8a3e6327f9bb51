/** The roles of production (k8s/postgres): commands have the same rights here as there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROLES = [
  'migrate',
  'track',
  'sweep',
  'recompute',
  'audit',
  'replay',
  'operator',
  'fresh',
  'prune',
  'replication',
] as const;
export type Role = (typeof ROLES)[number];

const sql = (name: string) => readFileSync(join(import.meta.dirname, '../k8s/postgres', name), 'utf8');

/** Grants the roles their rights on the existing tables. Run it as the administrator, and again after new tables. */
export const rolesSql = () => sql('roles.sql');

/** Splits the last-seen table into hash partitions. Run it in one transaction, and `rolesSql` after it. */
export const partitioningSql = (partitions: number) =>
  `SET LOCAL lastseen.partitions = ${partitions};\n${sql('partition-last-seen.sql')}`;

/** The connector's role and publication, for the database of the platform's tables. */
export const replicationSql = () => sql('replication.sql');

/** Creates the roles with the administrator's password, so that URLs differ only in the user name. */
export function loginsSql(password: string): string {
  // The only role that roles.sql does not create.
  const replication = 'CREATE ROLE lastseen_replication LOGIN REPLICATION;';
  return `${rolesSql()}\n${replication}\n${ROLES.map((role) => `ALTER ROLE lastseen_${role} PASSWORD '${password}';`).join('\n')}`;
}

/** The administrator's URL with the role as user. */
export function asRole(databaseUrl: string, role: Role): string {
  const url = new URL(databaseUrl);
  url.username = `lastseen_${role}`;
  return url.href;
}

/** The role of a command. */
export function roleOf(command: string | undefined): Role {
  switch (command) {
    case 'migrate':
    case 'track':
    case 'sweep':
    case 'recompute':
    case 'audit':
    case 'replay':
    case 'fresh':
    case 'prune':
      return command;
    default:
      return 'operator';
  }
}
