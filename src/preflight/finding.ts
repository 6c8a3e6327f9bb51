import type { SettingName } from '../config/settings.ts';

/**
 * The result of one check for one thing: a topic, a task, a table. The message names the cause in one line, the advice says
 * what to do about it.
 */
export type Finding =
  | { readonly status: 'ok' | 'skipped'; readonly message: string }
  | ({ readonly status: 'warning' | 'failed'; readonly message: string } & Advice);

export interface Advice {
  readonly hint: string;
  /** The page about it, as a path in this repository with an optional heading. Alerts have the same pages. */
  readonly page?: Page;
  /** Only if it is known to help and cannot harm. */
  readonly remedy?: Remedy;
}

type Page = `docs/${string}.md` | `docs/${string}.md#${string}`;

/** For programs: what fixes the cause. Without a value, only the operator knows the right one. */
export type Remedy =
  | { readonly command: string }
  | { readonly setting: SettingName; readonly value?: string | undefined };

export function ok(message: string): Finding {
  return { status: 'ok', message };
}

export function skipped(message: string): Finding {
  return { status: 'skipped', message };
}

export function warning(message: string, advice: string | Advice): Finding {
  return { status: 'warning', message, ...adviceOf(advice) };
}

export function failed(message: string, advice: string | Advice): Finding {
  return { status: 'failed', message, ...adviceOf(advice) };
}

function adviceOf(advice: string | Advice): Advice {
  return typeof advice === 'string' ? { hint: advice } : advice;
}

/** What grants all roles their rights. It can be repeated. */
export const APPLY_ROLES: Advice = {
  hint: 'apply k8s/postgres/roles.sql of this release, as an administrator',
  page: 'docs/deploying.md#upgrade',
  remedy: { command: 'psql "$ADMIN_DATABASE_URL" -v ON_ERROR_STOP=1 --single-transaction -f k8s/postgres/roles.sql' },
};

export const MIGRATE: Advice = {
  hint: 'run `lastseen migrate`, then k8s/postgres/roles.sql of this release',
  page: 'docs/deploying.md#upgrade',
  remedy: { command: 'lastseen migrate' },
};
