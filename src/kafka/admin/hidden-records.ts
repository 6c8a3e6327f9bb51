import type { EndPosition } from './offsets.ts';

const SCRIPT = 'kafka-transactions.sh --bootstrap-server $KAFKA_BROKERS';

/** One line for the operator. The first open transaction of the partition begins at the last stable offset. */
export function describeHidden({ topic, partition, nextOffset, stableOffset }: EndPosition): string {
  const where = `--topic ${topic} --partition ${partition}`;
  return (
    `${topic} partition ${partition}: an open transaction hides ${nextOffset - stableOffset} records, from offset ${stableOffset} on; ` +
    `if its producer is gone, find it with \`${SCRIPT} find-hanging ${where}\` ` +
    `and abort it with \`${SCRIPT} abort ${where} --start-offset ${stableOffset}\``
  );
}
