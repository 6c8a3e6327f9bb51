/** The sources of activity: one captured table each, in the platform's own names. */
export const SOURCES = ['exam_results', 'features_topic_daily', 'attempt', 'session'] as const;

export type Source = (typeof SOURCES)[number];
