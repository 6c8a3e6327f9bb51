import { fileURLToPath } from 'node:url';
import type { Source } from '../../src/activity/source.ts';
import { createRegistry } from '../../src/registry/client.ts';
import { createEventCodec } from '../../src/registry/event-codec.ts';
import { recordsOf } from '../support/topic-records.ts';
import type { World } from '../support/world.ts';

/** Events as an idempotent reader has them: each once, with the number of duplicates. */
export interface ReadEvents<T> {
  readonly events: readonly T[];
  readonly duplicates: number;
}

export interface InactivityEventRead {
  readonly event_id: string;
  readonly phase: 'CROSSED' | 'ONGOING' | 'RETURNED';
  readonly user_id: string;
  readonly student_id: string;
  readonly threshold_days: number;
  /** Microseconds. */
  readonly last_seen_at: bigint;
  readonly as_of: bigint;
  readonly last_seen_by_source: Readonly<Record<Source, bigint | null>>;
}

export interface KpiUpdatedRead {
  readonly user_id: string;
  readonly cause_event_id: string;
}

export const inactivityEvents = (world: World) =>
  readEvents<InactivityEventRead>(world, 'lastseen.inactivity.v1', world.env['INACTIVITY_TOPIC'] ?? '');

export const kpiUpdates = (world: World) =>
  readEvents<KpiUpdatedRead>(world, 'lastseen.kpi-updated.v1', world.env['KPI_UPDATED_TOPIC'] ?? '');

async function readEvents<T extends object>(world: World, schema: string, topic: string): Promise<ReadEvents<T>> {
  const codec = await createEventCodec<T>({
    registry: createRegistry({ url: world.env['SCHEMA_REGISTRY_URL'] ?? '', timeoutMs: 5_000, negativeCacheMs: 0 }),
    topic,
    schemaFile: fileURLToPath(new URL(`../../schemas/${schema}.avsc`, import.meta.url)),
  });
  const seen = new Map<string, T>();
  const records = await recordsOf(world, topic);
  for (const { value, headers } of records) {
    const decoded = await codec.decode(value ?? Buffer.alloc(0));
    if (decoded.kind !== 'event') throw new Error(`${topic} contains a record that is not an event: ${decoded.detail}`);
    seen.set(String(headers?.['ce_id']), decoded.event);
  }
  return { events: [...seen.values()], duplicates: records.length - seen.size };
}
