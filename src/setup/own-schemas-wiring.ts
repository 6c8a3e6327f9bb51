import type { Settings } from '../config/settings.ts';
import { OWN_SCHEMAS, type OwnSchemaFile, readOwnSchemas } from '../registry/own-schemas.ts';

/** Own schemas with the configured topics; a schema file is named after the default name of its topic. */
export async function ownSchemas(settings: Settings): Promise<OwnSchemaFile[]> {
  const configured = new Map<string, string>([
    [OWN_SCHEMAS.inactivity, settings.INACTIVITY_TOPIC],
    [OWN_SCHEMAS.kpiUpdated, settings.KPI_UPDATED_TOPIC],
  ]);
  return (await readOwnSchemas()).map(({ topic, schema }) => ({ topic: configured.get(topic) ?? topic, schema }));
}
