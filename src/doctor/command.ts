import type { Command } from 'commander';
import { EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { json } from '../cli/tables.ts';
import { type CheckResult, type Finding, runChecks } from './checks.ts';
import { withDoctorChecks } from './wiring.ts';

const CHECK_TIMEOUT_MS = 5_000;

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check Postgres, Kafka, the registry and the connector, and print what is wrong and how to fix it')
    .option('--json', 'print one JSON object')
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      '\nChanges nothing. The exit code is 1 if a check failed; warnings do not count. Checks that depend on a server that\n' +
        'does not answer are skipped. The connector is checked only if CONNECT_URL is set.\n' +
        '\nExamples:\n  lastseen doctor\n  lastseen doctor --json | jq \'.findings[] | select(.status != "ok")\'',
    )
    .action((flags: OutputFlags) =>
      runCommand({
        name: 'doctor',
        needs: ['postgres', 'kafka', 'registry'],
        printConfig: flags.printConfig,
        work: (context) => {
          // Resolves before the connections are closed: closing would wait for a server that does not answer.
          const { promise, resolve, reject } = Promise.withResolvers<number>();
          withDoctorChecks(context, async (checks) => {
            const results = await runChecks(checks, CHECK_TIMEOUT_MS);
            const findings = results.flatMap(({ check, findings }) => findings.map((each) => ({ check, ...each })));
            const counts = countsByStatus(findings);
            context.print(flags.json ? json({ counts, findings }) : page(findings, counts));
            resolve(counts.failed === 0 ? EXIT.done : EXIT.failed);
          }).catch(reject);
          return promise;
        },
      }),
    );
}

type Line = Finding & Pick<CheckResult, 'check'>;
type Counts = Readonly<Record<Finding['status'], number>>;

function page(findings: readonly Line[], { ok, warning, failed, skipped }: Counts): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.map((finding) => {
    const hint = 'hint' in finding ? ` → ${finding.hint}` : '';
    return `${finding.status.padEnd(7)}  ${finding.check.padEnd(width)}  ${finding.message}${hint}`;
  });
  return [...lines, '', `${ok} ok, ${warning} warnings, ${failed} failed, ${skipped} skipped`].join('\n');
}

function countsByStatus(findings: readonly Line[]): Counts {
  const counts = { ok: 0, warning: 0, failed: 0, skipped: 0 };
  for (const { status } of findings) counts[status] += 1;
  return counts;
}
