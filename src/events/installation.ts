import type { OutgoingRecord, RawRecord } from '../kafka/client/records.ts';
import { LastseenError } from '../runtime/errors.ts';

/** An extension attribute of CloudEvents. */
const HEADER = 'ce_installation';

/** The record with the id of the installation that publishes it. */
export function markInstallation(record: OutgoingRecord, installationId: string): OutgoingRecord {
  return { ...record, headers: { ...record.headers, [HEADER]: installationId } };
}

/**
 * Why nothing is published to a topic: another installation writes to it. Events of older releases name no installation.
 *
 * @param newest the newest record of the topic
 */
export function foreignEvents(
  topic: string,
  newest: RawRecord | undefined,
  installationId: string,
): string | undefined {
  const other = newest?.headers?.[HEADER];
  if (other === undefined || String(other) === installationId) return undefined;
  return `the newest event in ${topic} is of installation ${other}, not of ${installationId}`;
}

export const FOREIGN_EVENTS_HINT =
  'set OWN_PREFIX to another name than that of the other installation; if this one has replaced it, see "Two installations" in ' +
  'docs/operations/backup-and-recovery.md';

/** @throws LastseenError `config_invalid` if another installation writes to the topic */
export function requireOwnEvents(topic: string, newest: RawRecord | undefined, installationId: string): void {
  const refusal = foreignEvents(topic, newest, installationId);
  if (refusal !== undefined) throw new LastseenError('config_invalid', `${refusal}: ${FOREIGN_EVENTS_HINT}`);
}
