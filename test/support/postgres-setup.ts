import type { TestProject } from 'vitest/node';
import { startStack } from '../../stack/stack.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A superuser's URL of the one server all files of the project share. */
    postgresUrl: string;
    /** How many hash partitions the table of last seen has; undefined: it is an ordinary one. */
    partitions: number | undefined;
  }
}

/** One Postgres for the whole project; each file takes a database of its own from it. */
export default async function startPostgres(project: TestProject): Promise<() => Promise<void>> {
  const stack = await startStack({ parts: ['postgres'] });
  project.provide('postgresUrl', stack.addresses.databaseUrl);
  return () => stack.stop();
}
