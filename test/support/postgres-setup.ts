import type { TestProject } from 'vitest/node';
import { startStack } from '../../stack/stack.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A superuser's URL of the server that all files of the project share. */
    postgresUrl: string;
    /** The number of hash partitions of the last-seen table; undefined: it is not partitioned. */
    partitions: number | undefined;
  }
}

/** Starts one Postgres for the whole project. Each file creates its own database on it. */
export default async function startPostgres(project: TestProject): Promise<() => Promise<void>> {
  const stack = await startStack({ parts: ['postgres'] });
  project.provide('postgresUrl', stack.addresses.databaseUrl);
  return () => stack.stop();
}
