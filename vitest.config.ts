import { defineConfig } from 'vitest/config';

// kafkajs causes these two warnings on current Node.
const execArgv = ['--disable-warning=DEP0030', '--disable-warning=TimeoutNegativeWarning'];

/** All files of a project share one Postgres server. Each file has its own database. */
const onPostgres = {
  execArgv,
  globalSetup: ['test/support/postgres-setup.ts'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.{pg,stack}.test.ts'],
          execArgv,
          // Half the time would go into importing the same modules for each file. No file changes a module's state.
          isolate: false,
        },
      },
      { test: { ...onPostgres, name: 'postgres', include: ['test/**/*.pg.test.ts'] } },
      {
        // Runs the tests that read or write last seen again, on a table of hash partitions.
        test: {
          ...onPostgres,
          name: 'partitioned',
          include: [
            'test/{last-seen/raise-store,sweep/pipeline,sweep/holds,replay/stages,audit/pipeline}.pg.test.ts',
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
          // Each file starts a whole stack and mostly waits.
          maxWorkers: 2,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
