import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';
import type { Partition } from '../client/records.ts';
import { emptyBatches } from '../client/unreadable-batches.ts';

/** A fetch at `fetchOffset` that proves that the partition has no record from there to below `endOffset`. */
export interface EmptyFetch extends Partition {
  readonly fetchOffset: bigint;
  /** The high watermark, or the offset after batches without records. */
  readonly endOffset: bigint;
}

/** Private parts of the driver's broker. */
interface DriverBroker {
  fetch(request: FetchRequest): Promise<FetchResponse>;
}

interface FetchRequest {
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly fetchOffset: string }[];
  }[];
}

interface FetchResponse {
  readonly responses: readonly {
    readonly topicName: string;
    readonly partitions: readonly PartitionResponse[];
  }[];
}

interface PartitionResponse {
  readonly partition: number;
  readonly highWatermark: string;
  readonly lastStableOffset?: string;
  readonly messages: readonly unknown[];
}

const listener = new AsyncLocalStorage<(fetch: EmptyFetch) => void>();
let isPatched = false;

/**
 * Runs work, such as starting a consumer, and reports the empty fetches of all that it starts. The driver has no event for a
 * fetch that returned nothing; that of tulios/kafkajs#1256 is for control records only.
 */
export function withEmptyFetches<T>(onEmpty: (fetch: EmptyFetch) => void, work: () => Promise<T>): Promise<T> {
  patchBroker();
  return listener.run(onEmpty, work);
}

function patchBroker(): void {
  if (isPatched) return;
  isPatched = true;
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/broker/index.js') as { prototype: DriverBroker };
  const { fetch } = prototype;
  prototype.fetch = async function fetchAndReport(this: DriverBroker, request) {
    const response = await fetch.call(this, request);
    const onEmpty = listener.getStore();
    if (onEmpty !== undefined) for (const found of emptyFetches(request, response)) onEmpty(found);
    return response;
  };
}

/**
 * A broker returns no record of a partition also if records of other partitions have filled the response. So nothing is
 * proven between a fetched offset and the end, unless all partitions of the response are empty. Nor is it while an open
 * transaction hides records, or if batches without records were returned, which compaction leaves behind: a broker reads
 * one segment at a time, so the next one may have records.
 */
export function emptyFetches(request: FetchRequest, { responses }: FetchResponse): EmptyFetch[] {
  const fetchOffset = (topic: string, partition: number) =>
    request.topics.find((each) => each.topic === topic)?.partitions.find((each) => each.partition === partition)
      ?.fetchOffset;
  const isAllEmpty = responses.every(({ partitions }) => partitions.every(hasNoBatch));
  return responses.flatMap(({ topicName: topic, partitions }) =>
    partitions.flatMap((response) => {
      const offset = fetchOffset(topic, response.partition);
      if (offset === undefined || response.messages.length > 0) return [];
      const endOffset = provenEnd(response, BigInt(offset), isAllEmpty);
      if (endOffset === undefined) return [];
      return [{ topic, partition: response.partition, fetchOffset: BigInt(offset), endOffset }];
    }),
  );
}

const hasNoBatch = ({ messages }: PartitionResponse) => messages.length === 0 && emptyBatches(messages) === undefined;

function provenEnd(response: PartitionResponse, fetchOffset: bigint, isAllEmpty: boolean): bigint | undefined {
  const batches = emptyBatches(response.messages);
  if (batches !== undefined)
    return batches.nextOffset !== undefined && batches.nextOffset > fetchOffset ? batches.nextOffset : undefined;
  const { highWatermark, lastStableOffset } = response;
  if (lastStableOffset !== highWatermark) return undefined;
  const end = BigInt(highWatermark);
  return fetchOffset === end || (isAllEmpty && fetchOffset < end) ? end : undefined;
}
