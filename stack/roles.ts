/** The roles of production (k8s/postgres), so that whatever runs here runs with no more rights than there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROLES = ['migrate', 'track', 'sweep', 'recompute', 'audit', 'replay', 'operator', 'replication'] as const;
export type Role = (typeof ROLES)[number];

const sql = (name: string) => readFileSync(join(import.meta.dirname, '../k8s/postgres', name), 'utf8');

/** What gives the roles their rights on the tables that are there; to be run as the administrator, and again after more. */
export const rolesSql = () => sql('roles.sql');

/** What makes the table of last seen one of so many hash partitions, for one transaction; `rolesSql` is to follow. */
export const partitioningSql = (partitions: number) =>
  `SET LOCAL lastseen.partitions = ${partitions};\n${sql('partition-last-seen.sql')}`;

/** The connector's role and publication, where the platform's tables are. */
export const replicationSql = () => sql('replication.sql');

/** Makes the roles, with the administrator's password: only the user name then differs from one URL to another. */
export function loginsSql(password: string): string {
  // The one that is not among those of roles.sql.
  const replication = 'CREATE ROLE lastseen_replication LOGIN REPLICATION;';
  return `${rolesSql()}\n${replication}\n${ROLES.map((role) => `ALTER ROLE lastseen_${role} PASSWORD '${password}';`).join('\n')}`;
}

/** The administrator's URL as one of the roles. */
export function asRole(databaseUrl: string, role: Role): string {
  const url = new URL(databaseUrl);
  url.username = `lastseen_${role}`;
  return url.href;
}

/** The role that a command is run as. */
export function roleOf(command: string | undefined): Role {
  switch (command) {
    case 'migrate':
    case 'track':
    case 'sweep':
    case 'recompute':
    case 'audit':
    case 'replay':
      return command;
    default:
      return 'operator';
  }
}
