import type { Command } from 'commander';
import { v7 as uuidv7 } from 'uuid';
import { openKafka, withDatabase, withSlotDatabase, withSourceDatabase } from '../cli/connections.ts';
import { csvOption, type ListFlags } from '../cli/csv.ts';
import { readCount } from '../cli/flag-values.ts';
import { showProgress } from '../cli/progress/progress-bar.ts';
import { type CommandContext, EXIT, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { sourceTopics, trackedSources } from '../config/kafka-names.ts';
import { recordCaptureLook } from '../freshness/capture-evidence-pipeline.ts';
import { proveApplied } from '../freshness/pipeline.ts';
import { type SourceDatabases, sourcePrimary } from '../freshness/replication-store.ts';
import { freshnessDeps, WAIT_FRESH } from '../freshness/wiring.ts';
import { listAudits, type Repair } from '../history/audit-runs-store.ts';
import type { Database } from '../postgres/database.ts';
import { LastseenError, usageError } from '../runtime/errors.ts';
import { withOwnTables } from '../setup/wiring.ts';
import { auditJson, auditPage, auditRunJson, auditRunsPage, writeAuditRuns, writeSamples } from './audit-page.ts';
import { audit } from './pipeline.ts';

interface Flags extends ListFlags {
  readonly repair?: true;
  readonly trustSource?: true;
  readonly sample: number;
  readonly waitFresh?: string;
}

export function addAudit(program: Command): void {
  const command = program
    .command('audit')
    .enablePositionalOptions()
    .description('compare last seen with the source tables, and repair it')
    .option('--repair', 'write values that are missing or behind')
    .option('--trust-source', 'with --repair: also lower or delete values that the source tables do not have')
    .option('--sample <n>', 'show at most this many learners per field and difference', readCount, 5)
    .option(...WAIT_FRESH)
    .option('--json', 'print one JSON object')
    .addOption(csvOption('one shown difference per line'))
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      `
Exit code 0: nothing is missing or behind, or everything was repaired. Exit code 1: something is missing or behind.

Examples:
  lastseen audit
  lastseen audit --repair --sample 20
  lastseen audit --repair --trust-source --json
  lastseen audit runs`,
    )
    .action((flags: Flags) =>
      runCommand({
        name: 'audit',
        needs: ['postgres', 'kafka'],
        flags: { WAIT_FRESH: flags.waitFresh },
        printConfig: flags.printConfig,
        work: (context) => {
          const repair = repairOf(flags);
          return withOwnTables(context, (database) =>
            withSlotDatabase(context, database, async (slotDatabase) => {
              const databases = { database, slotDatabase, primary: await sourcePrimary({ database, slotDatabase }) };
              // A replica may be older than the table, so values must not be lowered by it.
              if (repair !== 'trust_source') {
                return withSourceDatabase(context, (source) => run(context, { ...flags, repair }, databases, source));
              }
              const ownPool: typeof withDatabase<number> =
                databases.primary === database ? withDatabase : (_, work) => withSlotDatabase(context, database, work);
              return ownPool(context, (source) => run(context, { ...flags, repair }, databases, source));
            }),
          );
        },
      }),
    );
  addAuditRuns(command);
}

function repairOf({ repair, trustSource }: Flags): Repair {
  if (trustSource && !repair)
    throw usageError('--trust-source needs --repair: add --repair, or leave --trust-source out');
  return trustSource ? 'trust_source' : repair ? 'missing' : 'none';
}

interface Databases extends SourceDatabases {
  readonly primary: Database;
}

async function run(
  context: CommandContext,
  flags: Omit<Flags, 'repair'> & { readonly repair: Repair },
  { database, slotDatabase, primary }: Databases,
  source: Database,
): Promise<number> {
  const { settings, log, now, stopping, live, print } = context;
  const freshness = freshnessDeps(context, { database, slotDatabase }, openKafka(context));
  const outcome = await audit(
    {
      database,
      sourcePrimary: primary,
      sourceDatabase: source,
      sources: trackedSources(settings),
      topics: [...sourceTopics(settings).keys()],
      attemptSource: settings.ATTEMPT_SOURCE,
      maxClockSkewUs: BigInt(Math.round(settings.MAX_CLOCK_SKEW * 1000)),
      newRunId: uuidv7,
      now,
      proveApplied: () => proveApplied(freshness),
      lookAtCapture: () => recordCaptureLook(freshness),
      isStopping: () => stopping.aborted,
      showProgress: (total) => showProgress({ what: 'audit', unit: 'learners', total, log, live }),
    },
    { repair: flags.repair, maxSamples: flags.sample },
  );
  const { samples, ...logged } = outcome;
  context.logResult({ event: 'audit_completed', ...logged }, 'audit completed');
  if (flags.csv) writeSamples(context, outcome);
  else print(flags.json ? auditJson(outcome) : auditPage(outcome));
  if (outcome.status === 'drift') {
    throw new LastseenError(
      'drift',
      `drift: last seen of ${outcome.drifting} ${outcome.drifting === 1 ? 'learner' : 'learners'} is behind the ` +
        'source tables; `lastseen audit --repair` repairs it',
    );
  }
  return EXIT.done;
}

const RUNS_SHOWN = 20;

function addAuditRuns(command: Command): void {
  command
    .command('runs')
    .description(`list the newest ${RUNS_SHOWN} audits`)
    .option('--json', 'print JSON, one audit per line')
    .addOption(csvOption('one audit per line'))
    .option(...PRINT_CONFIG)
    .action((flags: ListFlags) =>
      runCommand({
        name: 'audit runs',
        needs: ['postgres'],
        printConfig: flags.printConfig,
        work: (context) =>
          withOwnTables(context, async (database) => {
            const runs = await listAudits(database, RUNS_SHOWN);
            if (flags.json) for (const audit of runs) context.print(auditRunJson(audit));
            else if (flags.csv) writeAuditRuns(context, runs);
            else context.print(auditRunsPage(runs));
            return EXIT.done;
          }),
      }),
    );
}
