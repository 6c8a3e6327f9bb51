import { Command } from 'commander';
import { dryRunMode } from './audience/command.ts';
import { addAudit } from './audit/command.ts';
import { backtestMode } from './backtest/command.ts';
import { addChurn } from './churn/command.ts';
import { addCompletion } from './cli/completion.ts';
import { rejectUnknownCommands } from './cli/unknown-command.ts';
import { addDlq } from './dead-letters/command.ts';
import { addDoctor } from './doctor/command.ts';
import { addEvents } from './events/tail-command.ts';
import { addFresh } from './freshness/command.ts';
import { addKpi } from './kpi/command.ts';
import { addExplain } from './learner/explain-command.ts';
import { addForget } from './learner/forget-command.ts';
import { addPrune } from './prune/command.ts';
import { addRecompute } from './recompute/command.ts';
import { addReplay } from './replay/command.ts';
import { PACKAGE } from './runtime/package.ts';
import { printableLines } from './runtime/printable.ts';
import { addMigrate } from './setup/migrate-command.ts';
import { addSchemas } from './setup/schemas-command.ts';
import { addTopics } from './setup/topics-command.ts';
import { addSweep } from './sweep/command.ts';
import { addTrack } from './track/command.ts';

/** The whole command line. Help and wrong usage throw a CommanderError; they do not end the process. */
export function createProgram(): Command {
  const program = new Command('lastseen')
    .description(PACKAGE.description)
    .version(PACKAGE.version)
    .showHelpAfterError('(`--help` lists commands and options)')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(printableLines(text)) })
    // Here and in `sweep`, so that `sweep runs --json` is an option of `runs`.
    .enablePositionalOptions()
    .addHelpText(
      'after',
      `
Settings are read from environment variables; flags override them. \`--print-config\` on any command prints the
effective values. Results go to stdout, logs to stderr.

Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 held for a person; 75 try again later; 130 and 143 ended
by a signal before it began, or while it read without an end (\`events tail\`).

Examples:
  lastseen migrate && lastseen topics && lastseen schemas register
  lastseen track
  lastseen sweep --dry-run --threshold 14
  lastseen sweep --as-of 2026-03-16T05:00:00Z --json
  lastseen sweep runs
  lastseen fresh --wait 10m
  lastseen replay --from 2026-03-15T05:00:00Z
  lastseen audit --repair
  lastseen events tail --topic inactivity
  source <(lastseen completion bash)`,
    );

  const commands = [
    addMigrate,
    addTopics,
    addSchemas,
    addTrack,
    (parent: Command) => addSweep(parent, dryRunMode),
    addRecompute,
    (parent: Command) => addReplay(parent, backtestMode),
    addFresh,
    addAudit,
    addDlq,
    addEvents,
    addPrune,
    addKpi,
    addChurn,
    addExplain,
    addForget,
    addDoctor,
    addCompletion,
  ];
  for (const add of commands) add(program);
  rejectUnknownCommands(program);
  return program;
}
