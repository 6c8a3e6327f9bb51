import type { Command } from 'commander';
import { openRegistry } from '../cli/connections.ts';
import { EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { json, table } from '../cli/tables.ts';
import { checkSchemas, registerSchemas } from '../registry/own-schemas.ts';
import { ownSchemas } from './wiring.ts';

export function addSchemas(program: Command): void {
  const schemas = program.command('schemas').description('register and check own Avro schemas');
  schemas
    .command('register')
    .description('register the schemas of own topics with BACKWARD compatibility; safe to repeat')
    .option('--json', 'print the result as JSON')
    .option(...PRINT_CONFIG)
    .addHelpText('after', `\nExample: lastseen schemas register`)
    .action((flags: OutputFlags) =>
      runCommand({
        name: 'schemas register',
        needs: ['registry'],
        printConfig: flags.printConfig,
        async work({ settings, print }) {
          const registered = await registerSchemas(openRegistry(settings), await ownSchemas(settings));
          const rows = registered.map(({ subject, id }) => [subject, id]);
          print(flags.json ? json({ registered }) : table(['subject', 'id'], rows));
          return EXIT.done;
        },
      }),
    );
  schemas
    .command('check')
    .description('check that each schema is registered or can be; changes nothing; exits with 1 if one cannot')
    .option('--json', 'print the result as JSON')
    .option(...PRINT_CONFIG)
    .addHelpText('after', `\nExample: lastseen schemas check --json`)
    .action((flags: OutputFlags) =>
      runCommand({
        name: 'schemas check',
        needs: ['registry'],
        printConfig: flags.printConfig,
        async work({ settings, print }) {
          const checks = await checkSchemas(openRegistry(settings), await ownSchemas(settings));
          const rows = checks.map((check) => [check.subject, stateText(check)]);
          print(flags.json ? json({ checks }) : table(['subject', 'state'], rows));
          return checks.every(({ incompatibilities }) => incompatibilities.length === 0) ? EXIT.done : EXIT.failed;
        },
      }),
    );
}

function stateText({ registeredId, incompatibilities }: Awaited<ReturnType<typeof checkSchemas>>[number]): string {
  if (registeredId !== undefined) return `registered (id ${registeredId})`;
  return incompatibilities.length === 0 ? 'can be registered' : `incompatible: ${incompatibilities.join('; ')}`;
}
