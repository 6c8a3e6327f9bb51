import { defineConfig } from 'vitest/config';

// Two warnings that the Kafka driver causes by itself on current Node.
const execArgv = ['--disable-warning=DEP0030', '--disable-warning=TimeoutNegativeWarning'];

/** One Postgres for all files of a project, a database for each. */
const onPostgres = {
  execArgv,
  globalSetup: ['test/support/postgres-setup.ts'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/**/*.{pg,stack}.test.ts'], execArgv } },
      { test: { ...onPostgres, name: 'postgres', include: ['test/**/*.pg.test.ts'] } },
      {
        // What reads or writes last seen, again on a table of hash partitions.
        test: {
          ...onPostgres,
          name: 'partitioned',
          include: [
            'test/{last-seen/raise-store,sweep/pipeline,sweep/holds,replay/pipeline,audit/pipeline}.pg.test.ts',
            'test/{learner/forget-command,deploy/roles}.pg.test.ts',
          ],
          provide: { partitions: 5 },
        },
      },
      {
        test: {
          name: 'stack',
          execArgv,
          include: ['test/**/*.stack.test.ts'],
          globalSetup: ['test/support/stack-setup.ts'],
          // Most of their time is waiting; each file is a stack's worth of processes.
          maxWorkers: 2,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
