import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { metricsIn, shownMetrics } from './shown-metrics.ts';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly links?: readonly { readonly title: string; readonly url: string }[];
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly datasource: { uid: string } }[];
}

interface AlertRule {
  readonly alert?: string;
  readonly expr: string;
  readonly annotations?: { readonly runbook_url: string };
}

const file = new URL('../../k8s/components/monitoring/dashboard.json', import.meta.url);
const dashboard = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string }[] };
};
const rules = parse(readFileSync(new URL('lastseen.rules.yml', file), 'utf8')) as {
  readonly groups: readonly { readonly rules: readonly AlertRule[] }[];
};
const rows = dashboard.panels.filter(({ type }) => type === 'row');
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const exprs = panels.flatMap(({ targets }) => (targets ?? []).map(({ expr }) => expr));

/** The variable of the dashboard with the address of the reader's copy. */
const ADDRESS = '$' + '{docs:raw}';
const linksOf = ({ links = [] }: Panel) => links.map(({ url }) => url.slice(ADDRESS.length + 1));
const alerts = rules.groups.flatMap((group) => group.rules.filter(({ alert }) => alert !== undefined));

describe('the dashboard', () => {
  it('has one row per question', () => {
    expect(rows.map(({ title }) => title)).toEqual([
      'Is it fresh?',
      'Is it fast?',
      'What does it find?',
      'What failed?',
    ]);
  });

  it('has panels that do not overlap', () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(cells.filter((cell) => Number(cell.split(',')[0]) >= 24)).toEqual([]);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });

  it.each(panels)('"$title" has a description and a unit, and queries the chosen data source', (panel) => {
    expect(panel.description).toBeTruthy();
    expect(panel.fieldConfig?.defaults.unit).toBeTruthy();
    const targets = panel.targets ?? [];
    expect(targets).not.toEqual([]);
    expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    expect(new Set([panel.datasource?.uid, ...targets.map(({ datasource }) => datasource.uid)])).toEqual(
      new Set(['$' + '{datasource}']),
    );
  });

  it('queries metrics that exist, in the chosen namespace', () => {
    expect(exprs.flatMap(metricsIn).filter((name) => !shownMetrics().has(name))).toEqual([]);
    const unnamed = exprs.flatMap((expr) => expr.match(/\b(lastseen|nodejs|process)_\w+(?!\w|\{namespace=~)/g) ?? []);
    expect(unnamed).toEqual([]);
  });

  it('shows every metric of an alert', () => {
    const alerting = rules.groups.flatMap((group) => group.rules.flatMap(({ expr }) => metricsIn(expr)));
    const shown = new Set(exprs.flatMap(metricsIn));
    expect([...new Set(alerting)].filter((name) => !shown.has(name))).toEqual([]);
  });

  it.each(alerts)(
    'links to the runbook of $alert from each panel that shows a metric of it',
    ({ expr, annotations }) => {
      const runbook = annotations?.runbook_url ?? '';
      const metrics = metricsIn(expr).filter((name) => name !== 'lastseen_build_info');
      const showing = panels.filter(({ targets = [] }) =>
        targets.some((target) => metricsIn(target.expr).some((name) => metrics.includes(name))),
      );
      const linking = panels.filter((panel) => linksOf(panel).includes(runbook));
      expect(linking).not.toEqual([]);
      expect(showing.filter((panel) => !linking.includes(panel)).map(({ title }) => title)).toEqual([]);
    },
  );

  it('links only to pages that exist, at the address of the variable', () => {
    const urls = panels.flatMap(({ links = [] }) => links.map(({ url }) => url));
    expect(urls.filter((url) => !url.startsWith(`${ADDRESS}/docs/`))).toEqual([]);
    const missing = panels.flatMap(linksOf).filter((page) => !existsSync(new URL(`../../../${page}`, file)));
    expect(missing).toEqual([]);
    expect(dashboard.templating.list.map(({ name }) => name)).toContain('docs');
  });
});
