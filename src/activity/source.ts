/** The sources of activity: one captured table each, in the platform's own names. */
export const SOURCES = ['exam_results', 'features_topic_daily', 'attempt', 'session'] as const;

export type Source = (typeof SOURCES)[number];

export function perSource<T>(get: (source: Source) => T): Record<Source, T> {
  return Object.fromEntries(SOURCES.map((source) => [source, get(source)])) as Record<Source, T>;
}
