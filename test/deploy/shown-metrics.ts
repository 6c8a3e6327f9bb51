import { addProcessMetrics, createMetrics } from '../../src/observability/metrics.ts';

/** The names of all series of a process; a histogram has three. */
export function shownMetrics(): ReadonlySet<string> {
  const metrics = createMetrics();
  addProcessMetrics(metrics);
  return new Set(
    metrics.registry
      .getMetricsAsArray()
      .flatMap(({ name }) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]),
  );
}

/** The metrics of lastseen and Node in a PromQL expression. */
export function metricsIn(expr: string): readonly string[] {
  return expr.match(/\b(lastseen|nodejs|process)_\w+/g) ?? [];
}
