/**
 * The fetch settings of all consumers. The driver keeps each record unpacked, in objects of several times its size, so
 * fetches are small for any number of partitions (figures: decision 10). The driver shuffles the partitions of each
 * fetch, so that none waits for long, nor does a batch above `maxBytesPerPartition`.
 */
export const FETCHING = {
  maxBytesPerPartition: 262_144,
  maxBytes: 1_048_576,
  maxWaitTimeInMs: 250,
  minBytes: 1,
} as const;
