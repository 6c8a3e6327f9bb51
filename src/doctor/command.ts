import type { Command } from 'commander';
import { EXIT, runCommand } from '../cli/run-command.ts';
import { json } from '../cli/tables.ts';
import { type Examined, examine, type Finding } from './examine.ts';
import { withDoctorChecks } from './wiring.ts';

interface Flags {
  readonly json?: true;
  readonly printConfig?: true;
}

/** Of one check. */
const TIMEOUT_MS = 5_000;

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('look at Postgres, Kafka, the registry and the connector, and say what is wrong and how to mend it')
    .option('--json', 'print one JSON object')
    .option('--print-config', 'print the effective configuration and end')
    .addHelpText(
      'after',
      '\nNothing is changed. Exit code 1 where something failed; warnings are none. What depends on a server that does not\n' +
        'answer is skipped. The connector is looked at where CONNECT_URL is set.\n' +
        '\nExamples:\n  lastseen doctor\n  lastseen doctor --json | jq \'.findings[] | select(.status != "ok")\'',
    )
    .action((flags: Flags) =>
      runCommand({
        name: 'doctor',
        needs: ['postgres', 'kafka', 'registry'],
        printConfig: flags.printConfig,
        work: (context) => {
          // Closing would wait for what does not answer; the exit does not.
          const { promise, resolve, reject } = Promise.withResolvers<number>();
          withDoctorChecks(context, async (checks) => {
            const examined = await examine(checks, TIMEOUT_MS);
            context.print(flags.json ? asJson(examined) : page(examined));
            resolve(count(examined, 'failed') === 0 ? EXIT.done : EXIT.failed);
          }).catch(reject);
          return promise;
        },
      }),
    );
}

function asJson(examined: readonly Examined[]): string {
  return json({ counts: counts(examined), findings: lines(examined) });
}

function page(examined: readonly Examined[]): string {
  const width = Math.max(...examined.map(({ check }) => check.length));
  const said = lines(examined).map((finding) => {
    const mend = 'mend' in finding ? ` → ${finding.mend}` : '';
    return `${finding.status.padEnd(7)}  ${finding.check.padEnd(width)}  ${finding.says}${mend}`;
  });
  const { ok, warning, failed, skipped } = counts(examined);
  return [...said, '', `${ok} ok, ${warning} warnings, ${failed} failed, ${skipped} skipped`].join('\n');
}

function lines(examined: readonly Examined[]) {
  return examined.flatMap(({ check, findings }) => findings.map((finding) => ({ check, ...finding })));
}

function counts(examined: readonly Examined[]): Record<Finding['status'], number> {
  return {
    ok: count(examined, 'ok'),
    warning: count(examined, 'warning'),
    failed: count(examined, 'failed'),
    skipped: count(examined, 'skipped'),
  };
}

function count(examined: readonly Examined[], status: Finding['status']): number {
  return lines(examined).filter((finding) => finding.status === status).length;
}
