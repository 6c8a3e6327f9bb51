import { type ConnectorAddresses, stopConnector } from '../../stack/connector.ts';
import { waitFor } from './waiting.ts';
import type { World } from './world.ts';

/** Stops the connector of the world, and drops its slot as soon as the connector has released it. */
export async function stopAndDropSlot(
  stack: ConnectorAddresses,
  { name, database }: Pick<World, 'name' | 'database'>,
): Promise<void> {
  await stopConnector(stack, name);
  const text = `
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database() AND NOT active`;
  await waitFor('the slot is dropped', async () => (await database.query({ text })).count > 0);
}
