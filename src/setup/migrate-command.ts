import type { Command } from 'commander';
import { withDatabase } from '../cli/connections.ts';
import { EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { json } from '../cli/tables.ts';
import { migrate } from './migrations-store.ts';

export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description('create or update the tables of the `lastseen` schema; safe to repeat and to run concurrently')
    .option('--json', 'print the applied migrations as JSON')
    .option(...PRINT_CONFIG)
    .addHelpText('after', `\nExample: DATABASE_URL_FILE=/run/secrets/database-url lastseen migrate`)
    .action((flags: OutputFlags) =>
      runCommand({
        name: 'migrate',
        needs: ['postgres'],
        printConfig: flags.printConfig,
        async work(context) {
          const { log, print } = context;
          const applied = await withDatabase(context, (database) =>
            migrate(database, { log: (line) => log.debug({ event: 'migration_logged' }, line) }),
          );
          if (flags.json) print(json({ applied }));
          else print(applied.length === 0 ? 'up to date' : applied.map((name) => `applied ${name}`).join('\n'));
          return EXIT.done;
        },
      }),
    );
}
