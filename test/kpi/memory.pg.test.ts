import { existsSync, readFileSync } from 'node:fs';
import { setInterval as every } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseInstant } from '../../src/activity/instant.ts';
import { prepareSource } from '../../stack/demo/load.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { startCli } from '../support/lastseen-cli.ts';
import { OULAD, ouladIsThere } from '../support/oulad-files.ts';

const there = ouladIsThere && existsSync('/proc/self/status');
if (!there)
  console.warn(`no OULAD files in ${OULAD} (set OULAD_DIR if they are elsewhere), or no /proc: memory is not measured`);

describe.runIf(there)('kpi --all over OULAD', () => {
  let fresh: FreshDatabase;
  beforeAll(async () => {
    fresh = await freshDatabase();
    const asOf = parseInstant('2013-06-01T23:59:59.999999Z') ?? 0n;
    const plan = await prepareSource(fresh.database, { asOf, data: { kind: 'oulad', folder: OULAD } });
    await plan.phase1(() => {});
    await plan.phase2(() => {});
  }, 300_000);
  afterAll(() => fresh.close());

  it('streams every learner in less than 300 MB', { timeout: 300_000 }, async () => {
    const env = { DATABASE_URL: fresh.url, METRICS_USE_IRT_THETA: 'true', METRICS_USE_BAYESIAN: 'true' };
    const cli = startCli(env, ['kpi', '--as-of', '2013-06-01T05:00:00Z', '--all', '--json']);
    let peakKb = 0;
    const startedAt = performance.now();
    for await (const _ of every(100)) {
      const now = peakOf(cli.process.pid);
      if (now === undefined) break;
      peakKb = Math.max(peakKb, now);
    }
    const { code, stdout, stderr } = await cli.ended;
    expect(code, stderr).toBe(0);
    const { rows } = await fresh.database.query<{ learners: bigint }>({
      text: `SELECT count(*) AS learners FROM (SELECT user_id FROM exam_results UNION SELECT user_id FROM session
        UNION SELECT user_id FROM features_topic_daily UNION SELECT user_id FROM ability_estimates) AS named`,
    });
    const learners = stdout.trim().split('\n').length;
    expect(BigInt(learners)).toBe(rows[0]?.learners);
    const seconds = (performance.now() - startedAt) / 1000;
    console.info(
      `kpi --all: ${learners} learners in ${seconds.toFixed(1)} s, peak RSS ${Math.round(peakKb / 1024)} MB`,
    );
    expect(peakKb / 1024).toBeLessThan(300);
    expect(peakKb).toBeGreaterThan(0);
  });
});

/** The peak RSS in kB as the kernel counts it; undefined once the process has exited. */
function peakOf(pid: number | undefined): number | undefined {
  try {
    const mark = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return mark === undefined ? undefined : Number(mark);
  } catch {
    return undefined;
  }
}
