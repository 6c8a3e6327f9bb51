import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { metricsIn, shownMetrics } from './shown-metrics.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}
interface Groups {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
}
interface RuleTests {
  readonly tests: readonly {
    readonly promql_expr_test: readonly { readonly exp_samples?: readonly { readonly labels: string }[] }[];
  }[];
}

const ROOT = new URL('../../', import.meta.url);
const read = <T>(path: string) => parse(readFileSync(new URL(path, ROOT), 'utf8')) as T;
const source = read<Groups>('k8s/components/monitoring/lastseen.rules.yml');
const rules = source.groups.flatMap((group) => group.rules);
const names = rules.map(({ alert }) => alert).sort();

describe('the alerts', () => {
  it('are the same in the PrometheusRule as in the rules file', () => {
    const { spec } = read<{ spec: Groups }>('k8s/components/monitoring/prometheus-rule.yaml');
    expect(spec).toEqual(source);
  });

  it('have one runbook each, and there is no other runbook', () => {
    const pages = readdirSync(new URL('docs/runbooks/', ROOT)).map((file) => file.replace('.md', ''));
    expect(pages.sort()).toEqual(names);
  });

  it.each(rules)('$alert has a severity, texts and a runbook', ({ labels, annotations, alert }) => {
    expect(['critical', 'warning']).toContain(labels.severity);
    expect(annotations['summary']).toBeTruthy();
    expect(annotations['description']).toBeTruthy();
    const page = annotations['runbook_url'] ?? '';
    expect(page).toBe(`docs/runbooks/${alert}.md`);
    expect(existsSync(new URL(page, ROOT))).toBe(true);
    for (const part of ['**Meaning.**', '**First look.**', '**Fix.**']) {
      expect(readFileSync(new URL(page, ROOT), 'utf8')).toContain(part);
    }
  });

  it('use only metrics that exist', () => {
    expect(rules.flatMap(({ expr }) => metricsIn(expr).filter((name) => !shownMetrics().has(name)))).toEqual([]);
  });

  it('each fire in a rule test', () => {
    const { tests } = read<RuleTests>('k8s/components/monitoring/lastseen.rules.test.yml');
    const fired = tests.flatMap((test) =>
      test.promql_expr_test.flatMap(({ exp_samples }) => (exp_samples ?? []).map(({ labels }) => labels)),
    );
    expect([...new Set(fired)].sort()).toEqual(names.map((name) => `{alertname="${name}"}`));
  });
});
