import { type Command, Option } from 'commander';
import { formatInstant } from '../activity/instant.ts';
import { outputDisplay } from '../cli/display.ts';
import { readPositive } from '../cli/flag-values.ts';
import { type CommandContext, EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { json } from '../cli/tables.ts';
import { printableLines } from '../runtime/printable.ts';
import { pause } from '../runtime/retries.ts';
import { runChecks } from './checks.ts';
import { withConnections } from './connections-wiring.ts';
import { type Counts, findingsPage, type NamedFinding } from './findings-page.ts';
import { doctorChecks } from './wiring.ts';

const CHECK_TIMEOUT_MS = 5_000;

interface Flags extends OutputFlags {
  /** Seconds between two rounds. */
  readonly watch?: number;
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check Postgres, Kafka, the registry and the connector, and print what is wrong and how to fix it')
    .option('--json', 'print one JSON object; with --watch one per round')
    .addOption(
      new Option('--watch [seconds]', 'check again and again, with a pause of this many seconds')
        .argParser(readPositive)
        .preset(WATCH_SECONDS),
    )
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      '\nChanges nothing. The exit code is 1 if a check failed; warnings do not count. Checks that depend on a server that\n' +
        'does not answer are skipped. The connector is checked only if CONNECT_URL is set. A finding in JSON has a `remedy` if\n' +
        'a command or a setting is known that fixes it and cannot harm.\n' +
        '\nExamples:\n  lastseen doctor\n  lastseen doctor --watch 30\n' +
        '  lastseen doctor --json | jq \'.findings[] | select(.status != "ok")\'',
    )
    .action((flags: Flags) =>
      runCommand({
        name: 'doctor',
        needs: ['postgres', 'kafka', 'registry'],
        printConfig: flags.printConfig,
        work: (context) => watch(context, flags),
      }),
    );
}

const WATCH_SECONDS = '10';

/** One round, or rounds until a stop signal. The last round decides the exit code. */
async function watch(context: CommandContext, { watch: seconds, json: asJson }: Flags): Promise<number> {
  for (;;) {
    const findings = await findingsNow(context);
    const counts = countsByStatus(findings);
    show(context, findings, counts, asJson === true, seconds !== undefined);
    const code = counts.failed === 0 ? EXIT.done : EXIT.failed;
    if (seconds === undefined || !(await pause(seconds * 1_000, context.stopping))) return code;
  }
}

/** Each round opens connections of its own, because a refusal of a broker is remembered with its client. */
function findingsNow(context: CommandContext): Promise<readonly NamedFinding[]> {
  // Resolves before the connections are closed: closing would wait for a server that does not answer.
  const { promise, resolve, reject } = Promise.withResolvers<readonly NamedFinding[]>();
  withConnections(context, async (connections) => {
    const results = await runChecks(doctorChecks(connections), CHECK_TIMEOUT_MS);
    resolve(results.flatMap(({ check, findings }) => findings.map((each) => ({ check, ...each }))));
  }).catch(reject);
  return promise;
}

const CLEAR_SCREEN = '\u001b[H\u001b[2J\u001b[3J';

function show(
  { print, write, now }: CommandContext,
  findings: readonly NamedFinding[],
  counts: Counts,
  asJson: boolean,
  isWatching: boolean,
): void {
  const at = formatInstant(now());
  if (asJson) {
    print(json({ at, counts, findings }));
    return;
  }
  const display = outputDisplay();
  // Messages may contain text of servers: it is made printable before colors are added.
  const page = findingsPage(findings.map(printableFinding), counts, display);
  const clear = isWatching && display.isTerminal ? CLEAR_SCREEN : '';
  const heading = isWatching ? `${at}\n\n` : '';
  write(Buffer.from(`${clear}${heading}${page}\n${isWatching && !display.isTerminal ? '\n' : ''}`));
}

function printableFinding(finding: NamedFinding): NamedFinding {
  const message = printableLines(finding.message);
  return 'hint' in finding ? { ...finding, message, hint: printableLines(finding.hint) } : { ...finding, message };
}

function countsByStatus(findings: readonly NamedFinding[]): Counts {
  const counts = { ok: 0, warning: 0, failed: 0, skipped: 0 };
  for (const { status } of findings) counts[status] += 1;
  return counts;
}
