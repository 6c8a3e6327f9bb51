import { addProcessMetrics, createMetrics } from '../../src/observability/metrics.ts';

/** Every series that a process shows, by name: a histogram is three. */
export function shownMetrics(): ReadonlySet<string> {
  const metrics = createMetrics();
  addProcessMetrics(metrics);
  return new Set(
    metrics.registry
      .getMetricsAsArray()
      .flatMap(({ name }) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]),
  );
}

/** The metrics that an expression of Prometheus asks for, of those that lastseen and Node may show. */
export function metricsIn(expr: string): readonly string[] {
  return expr.match(/\b(lastseen|nodejs|process)_\w+/g) ?? [];
}
