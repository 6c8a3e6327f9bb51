#!/usr/bin/env -S node --max-semi-space-size=4 --heap-growing-percent=120
import './cli/warnings.ts';
import { CommanderError } from 'commander';
import { EXIT } from './cli/run-command.ts';
import { createProgram } from './program.ts';

try {
  await createProgram().parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // Asking for help or the version ends here too, with code 0.
  process.exit(error.exitCode === 0 ? EXIT.done : EXIT.usage);
}
