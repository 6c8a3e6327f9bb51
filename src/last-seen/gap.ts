export type GapKind =
  | 'beginning_missing' // removed before the partition was read for the first time
  | 'lost' // removed before they were read
  | 'skipped' // still there, but reading began past them
  | 'another_topic'; // the topic was made anew: what the one before held from there on nobody knows

/** Offsets of a partition that were never read, up to `toOffset` exclusive; null where nobody knows up to where. */
export interface Gap {
  readonly kind: GapKind;
  readonly fromOffset: bigint;
  readonly toOffset: bigint | null;
}

export type PartitionGap = Gap & { readonly topic: string; readonly partition: number };

/** One line for the operator, without what to do. */
export function describeGap({ topic, partition, kind, fromOffset, toOffset }: PartitionGap): string {
  const where = `${topic} partition ${partition}`;
  switch (kind) {
    case 'beginning_missing':
      return `${where}: the records below offset ${toOffset} were removed before it was read for the first time`;
    case 'lost':
      return `${where}: the records from offset ${fromOffset} to below ${toOffset} were removed before they were read`;
    case 'skipped':
      return `${where}: the records from offset ${fromOffset} to below ${toOffset} were passed over`;
    case 'another_topic':
      return `${where}: the topic was made anew, and what the one before held from offset ${fromOffset} on is unknown`;
  }
}
