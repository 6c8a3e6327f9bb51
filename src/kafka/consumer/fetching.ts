/**
 * How the consumers fetch. The driver keeps each fetched record as objects of several times its size, and what was
 * compressed unpacked; so a fetch is kept small, however many partitions it asks for. The driver shuffles them at each
 * fetch: none waits for others for long, nor does a batch that is larger than its partition's share.
 */
export const FETCHING = {
  maxBytesPerPartition: 262_144,
  maxBytes: 1_048_576,
  maxWaitTimeInMs: 250,
  minBytes: 1,
} as const;
