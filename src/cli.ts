#!/usr/bin/env -S node --max-semi-space-size=4 --heap-growing-percent=120
import './cli/warnings.ts';
import { isSupportedNode } from './runtime/node-version.ts';
import { PACKAGE } from './runtime/package.ts';

const needed = PACKAGE.engines.node;
if (!isSupportedNode(process.versions.node, needed)) {
  process.stderr.write(`lastseen: this is Node ${process.versions.node}; it needs ${needed}\n`);
  process.exit(2);
}

// Imported after the check, because the modules below cannot even be loaded by every other Node.
const { CommanderError } = await import('commander');
const { EXIT } = await import('./cli/run-command.ts');
const { createProgram } = await import('./program.ts');

try {
  await createProgram().parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // Asking for help or the version ends here too, with code 0.
  process.exit(error.exitCode === 0 ? EXIT.done : EXIT.usage);
}
