import { readFileSync } from 'node:fs';
import type { Prometheus } from './prometheus.ts';

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}

const FILE = new URL('../../k8s/components/monitoring/dashboard.json', import.meta.url);

export interface QueryResult {
  readonly panel: string;
  readonly query: string;
  readonly hasData: boolean;
}

/** Runs the queries of every panel, with the variables as Grafana fills them for all namespaces. */
export async function askPanels(prometheus: Prometheus): Promise<readonly QueryResult[]> {
  const { panels } = JSON.parse(readFileSync(FILE, 'utf8')) as { panels: readonly Panel[] };
  const results: QueryResult[] = [];
  for (const { title, targets = [] } of panels) {
    for (const { refId, expr } of targets) {
      const filled = expr.replaceAll('$__rate_interval', '20s').replaceAll('$namespace', '.*');
      results.push({ panel: title, query: refId, hasData: await prometheus.hasData(filled) });
    }
  }
  return results;
}
