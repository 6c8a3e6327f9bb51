export type GapKind =
  | 'beginning_missing' // records were removed before the partition was read for the first time
  | 'lost' // records were removed before they were read
  | 'skipped' // records exist, but reading started above them, or the database that had them applied was restored
  | 'another_topic'; // the topic was recreated; unread records of the old one are lost

/** Offsets of a partition that were never read, up to `toOffset` exclusive; null if the end is unknown. */
export interface Gap {
  readonly kind: GapKind;
  readonly fromOffset: bigint;
  readonly toOffset: bigint | null;
}

export type PartitionGap = Gap & { readonly topic: string; readonly partition: number };

/** One line for the operator, without a hint. */
export function describeGap({ topic, partition, kind, fromOffset, toOffset }: PartitionGap): string {
  const where = `${topic} partition ${partition}`;
  switch (kind) {
    case 'beginning_missing':
      return `${where}: the records below offset ${toOffset} were removed before it was read for the first time`;
    case 'lost':
      return `${where}: the records from offset ${fromOffset} to below ${toOffset} were removed before they were read`;
    case 'skipped':
      return `${where}: the records from offset ${fromOffset} to below ${toOffset} were skipped`;
    case 'another_topic':
      return `${where}: the topic was recreated, and the old one may have had records from offset ${fromOffset} on that were never read`;
  }
}
