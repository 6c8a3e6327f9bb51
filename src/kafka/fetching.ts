/**
 * How the consumers fetch. The driver keeps each fetched record as objects of several times its size, and what was
 * compressed unpacked; so a fetch is kept small.
 */
export const FETCHING = {
  maxBytesPerPartition: 262_144,
  maxWaitTimeInMs: 250,
  minBytes: 1,
} as const;
