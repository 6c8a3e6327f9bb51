import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePorts } from '../../stack/ports.ts';
import { until } from '../faults/waiting.ts';
import { acceleratedRules } from './accelerated-rules.ts';

const RULES = new URL('../../k8s/components/monitoring/lastseen.rules.yml', import.meta.url);

/** A real Prometheus that scrapes each second and evaluates the accelerated rules. */
export interface Prometheus {
  /** Names of the alerts that fire now. */
  firing(): Promise<ReadonlySet<string>>;
  /** Whether a query returned a number at any time since the start. */
  hasData(expr: string): Promise<boolean>;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** `ended` resolves to the reason. */
function launch(dir: string, port: number, targets: readonly string[]) {
  writeFileSync(join(dir, 'rules.yml'), acceleratedRules(readFileSync(RULES, 'utf8')));
  writeFileSync(
    join(dir, 'prometheus.yml'),
    stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ['rules.yml'],
      scrape_configs: [{ job_name: 'lastseen', static_configs: [{ targets: [...targets] }] }],
    }),
  );
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(dir, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  running.add(child);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'ENOENT' ? 'prometheus is not on the PATH: install it' : error.message),
    );
    child.once('exit', (code) => resolve(`prometheus ended with ${code}`));
  });
  return { child, ended };
}

export async function startPrometheus(targets: readonly string[]): Promise<Prometheus> {
  const dir = mkdtempSync(join(tmpdir(), 'lastseen-prometheus-'));
  const [port = 0] = await freePorts(1);
  const { child, ended } = launch(dir, port, targets);
  const startedAt = Date.now() / 1_000;
  const ask = async <T>(path: string): Promise<T> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    const answer = (await response.json()) as { status: string; error?: string; data: T };
    if (answer.status !== 'success') throw new Error(`Prometheus refuses ${path}: ${answer.error}`);
    return answer.data;
  };
  const firing = async () => {
    const { alerts } = await ask<{ alerts: { state: string; labels: { alertname: string } }[] }>('/api/v1/alerts');
    return new Set(alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname));
  };
  await Promise.race([
    until(firing, () => true, 30_000),
    ended.then((why) => {
      throw new Error(why);
    }),
  ]);
  return {
    firing,
    async hasData(expr) {
      const range = new URLSearchParams({
        query: expr,
        start: String(startedAt),
        end: String(Date.now() / 1_000),
        step: '2',
      });
      const { result } = await ask<{ result: { values: [number, string][] }[] }>(`/api/v1/query_range?${range}`);
      return result.some(({ values }) => values.some(([, value]) => Number.isFinite(Number(value))));
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
      running.delete(child);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
