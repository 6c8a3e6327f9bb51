import type { OutgoingRecord, RawRecord } from '../kafka/client/records.ts';
import { LastseenError } from '../runtime/errors.ts';

/** An extension attribute of CloudEvents. */
const HEADER = 'ce_installation';

/** The record with the id of the installation that publishes it. */
export function markInstallation(record: OutgoingRecord, installationId: string): OutgoingRecord {
  return { ...record, headers: { ...record.headers, [HEADER]: installationId } };
}

/**
 * Refuses a topic that another installation writes to. Events of older releases name no installation.
 *
 * @param newest the newest record of the topic
 * @throws LastseenError `config_invalid`
 */
export function requireOwnEvents(topic: string, newest: RawRecord | undefined, installationId: string): void {
  const other = newest?.headers?.[HEADER];
  if (other === undefined || String(other) === installationId) return;
  throw new LastseenError(
    'config_invalid',
    `the newest event in ${topic} is of installation ${other}, not of ${installationId}: set OWN_PREFIX to another name than that of ` +
      'the other installation; if this one has replaced it, see "Two installations" in docs/operations/backup-and-recovery.md',
  );
}
