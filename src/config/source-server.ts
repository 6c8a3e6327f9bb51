import type { Settings } from './settings.ts';

/** The connector's replication slot. */
export function slotName({ REPLICATION_SLOT, TOPIC_PREFIX }: Settings): string {
  return REPLICATION_SLOT ?? TOPIC_PREFIX;
}

/** The connector's publication. */
export function publicationName(settings: Settings): string {
  return settings.PUBLICATION ?? slotName(settings);
}

/** The setting with the address of the source tables. */
export function sourceSetting({
  SOURCE_DATABASE_URL,
  SLOT_DATABASE_URL,
}: Pick<Settings, 'SOURCE_DATABASE_URL' | 'SLOT_DATABASE_URL'>) {
  if (SOURCE_DATABASE_URL !== undefined) return 'SOURCE_DATABASE_URL';
  return SLOT_DATABASE_URL === undefined ? 'DATABASE_URL' : 'SLOT_DATABASE_URL';
}
