import type { Settings } from '../config/settings.ts';
import { OWN_SCHEMAS, type OwnSchemaFile, readOwnSchemas } from '../registry/own-schemas.ts';

/** Own schemas under the topics that are configured; a file is named after its topic's usual name. */
export async function ownSchemas(settings: Settings): Promise<OwnSchemaFile[]> {
  const topics = new Map<string, string>([
    [OWN_SCHEMAS.inactivity, settings.INACTIVITY_TOPIC],
    [OWN_SCHEMAS.kpiUpdated, settings.KPI_UPDATED_TOPIC],
  ]);
  return (await readOwnSchemas()).map(({ topic, schema }) => ({ topic: topics.get(topic) ?? topic, schema }));
}
