import { join } from 'node:path';
import type { Settings } from '../config/settings.ts';
import type { Registry } from '../registry/client.ts';
import { createEventCodec, type EventCodec } from '../registry/event-codec.ts';
import { type OwnSchemaFile, readOwnSchemas, SCHEMAS_DIRECTORY } from '../registry/own-schemas.ts';
import type { InactivityEvent } from './inactivity-event.ts';
import type { KpiUpdatedValue } from './kpi-relay-pipeline.ts';

const INACTIVITY = 'lastseen.inactivity.v1';
const KPI_UPDATED = 'lastseen.kpi-updated.v1';

export function inactivityCodec(settings: Settings, registry: Registry): Promise<EventCodec<InactivityEvent>> {
  return codec(registry, settings.INACTIVITY_TOPIC, INACTIVITY);
}

export function kpiUpdatedCodec(settings: Settings, registry: Registry): Promise<EventCodec<KpiUpdatedValue>> {
  return codec(registry, settings.KPI_UPDATED_TOPIC, KPI_UPDATED);
}

function codec<T extends object>(registry: Registry, topic: string, name: string): Promise<EventCodec<T>> {
  return createEventCodec({
    registry,
    topic,
    schemaFile: join(SCHEMAS_DIRECTORY, `${name}.avsc`),
  });
}

/** Own schemas under the topics that are configured; a file is named after its topic's usual name. */
export async function ownSchemas(settings: Settings): Promise<OwnSchemaFile[]> {
  const topics = new Map([
    [INACTIVITY, settings.INACTIVITY_TOPIC],
    [KPI_UPDATED, settings.KPI_UPDATED_TOPIC],
  ]);
  return (await readOwnSchemas()).map(({ topic, schema }) => ({ topic: topics.get(topic) ?? topic, schema }));
}
