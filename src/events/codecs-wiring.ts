import { join } from 'node:path';
import type { Settings } from '../config/settings.ts';
import type { Registry } from '../registry/client.ts';
import { createEventCodec, type EventCodec } from '../registry/event-codec.ts';
import { OWN_SCHEMAS, SCHEMAS_DIRECTORY } from '../registry/own-schemas.ts';
import type { InactivityEvent } from './inactivity-event.ts';
import type { KpiUpdatedValue } from './kpi-relay-pipeline.ts';

export function inactivityCodec(settings: Settings, registry: Registry): Promise<EventCodec<InactivityEvent>> {
  return codec(registry, settings.INACTIVITY_TOPIC, OWN_SCHEMAS.inactivity);
}

export function kpiUpdatedCodec(settings: Settings, registry: Registry): Promise<EventCodec<KpiUpdatedValue>> {
  return codec(registry, settings.KPI_UPDATED_TOPIC, OWN_SCHEMAS.kpiUpdated);
}

function codec<T extends object>(registry: Registry, topic: string, name: string): Promise<EventCodec<T>> {
  return createEventCodec({
    registry,
    topic,
    schemaFile: join(SCHEMAS_DIRECTORY, `${name}.avsc`),
  });
}
