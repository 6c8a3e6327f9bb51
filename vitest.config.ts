import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
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

/** The files share one stack. Each creates its own database, connector and topics on it. */
const onStack = {
  execArgv,
  globalSetup: ['test/support/stack-setup.ts'],
  testTimeout: 180_000,
  hookTimeout: 180_000,
};

/** Tests that `npm test` leaves to `npm run test:long`, so that it ends within 5 minutes on two cores. */
const LONG = [
  'cli/lifecycle',
  'demo/tour',
  'doctor/wrong-setups',
  'flow/odd-names',
  'flow/releases',
  'flow/secured',
  'freshness/elsewhere',
  'freshness/gate',
  'freshness/partitioned',
  'freshness/standby',
  'package/tarball',
  'track/compacted',
  'track/damaged',
  'track/gaps',
  'track/instances',
].map((name) => `test/${name}.stack.test.ts`);
const LONG_ON_POSTGRES = ['demo/load', 'kpi/memory', 'prune/year'].map((name) => `test/${name}.pg.test.ts`);

/** Tests that read or write last seen. They also run on a table of hash partitions. */
const PARTITIONED = [
  'last-seen/raise-store',
  'sweep/pipeline',
  'sweep/holds',
  'replay/stages',
  'audit/pipeline',
  'learner/forget-command',
  'deploy/roles',
].map((name) => `test/${name}.pg.test.ts`);
const missing = [...LONG, ...LONG_ON_POSTGRES, ...PARTITIONED].filter(
  (file) => !existsSync(join(import.meta.dirname, file)),
);
if (missing.length > 0) throw new Error(`vitest.config.ts lists files that do not exist: ${missing.join(', ')}`);

export default defineConfig({
  test: {
    // The tests on the stack mostly wait for the processes that they start.
    maxWorkers: availableParallelism() + 1,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.{pg,stack}.test.ts'],
          execArgv,
          // Half the time would go into importing the same modules for each file. No file changes a module's state.
          isolate: false,
          // Some tests start a process, which takes seconds on a busy machine.
          testTimeout: 60_000,
        },
      },
      { test: { ...onPostgres, name: 'postgres', include: ['test/**/*.pg.test.ts'], exclude: LONG_ON_POSTGRES } },
      {
        test: {
          ...onPostgres,
          name: 'long-partitioned',
          include: PARTITIONED,
          provide: { partitions: 5 },
        },
      },
      { test: { ...onStack, name: 'stack', include: ['test/**/*.stack.test.ts'], exclude: LONG } },
      { test: { ...onStack, name: 'long', include: LONG } },
      { test: { ...onPostgres, name: 'long-postgres', include: LONG_ON_POSTGRES } },
    ],
  },
});
