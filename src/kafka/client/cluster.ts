import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';
import type { RawRecord } from './records.ts';

/** Private parts of the driver's cluster, which its admin client has and does not show. */
export interface DriverCluster {
  readonly isolationLevel: number | undefined;
  fetchTopicsOffset(topics: unknown): Promise<unknown>;
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Readonly<Record<string, number[]>>;
  findBroker(node: { readonly nodeId: string }): Promise<DriverBroker>;
}

interface DriverBroker {
  fetch(request: object): Promise<{
    readonly responses: readonly { readonly partitions: readonly { readonly messages: readonly DriverMessage[] }[] }[];
  }>;
}

interface DriverMessage extends RawRecord {
  readonly isControlRecord: boolean;
}

const READ_UNCOMMITTED = 0;
const uncommitted = new AsyncLocalStorage<true>();
const capturing = new AsyncLocalStorage<(cluster: DriverCluster) => void>();
let isPatched = false;

/**
 * Runs work whose requests for the ends of topics get the high watermark. Other requests of the driver's admin client get
 * the last stable offset, and it has no option for that; no upstream issue found. Can go when it has one.
 */
export function withHighWatermarks<T>(work: () => Promise<T>): Promise<T> {
  patchCluster();
  return uncommitted.run(true, work);
}

/** Runs work that requests ends of topics. @returns its result, and the cluster that it has used. */
export async function withCluster<T>(work: () => Promise<T>): Promise<[T, DriverCluster | undefined]> {
  patchCluster();
  let used: DriverCluster | undefined;
  const result = await capturing.run((cluster) => {
    used = cluster;
  }, work);
  return [result, used];
}

function patchCluster(): void {
  if (isPatched) return;
  isPatched = true;
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/cluster/index.js') as { prototype: DriverCluster };
  const { fetchTopicsOffset } = prototype;
  prototype.fetchTopicsOffset = function fetchAtIsolation(this: DriverCluster, topics) {
    capturing.getStore()?.(this);
    if (uncommitted.getStore() === undefined) return fetchTopicsOffset.call(this, topics);
    const cluster = Object.create(this, { isolationLevel: { value: READ_UNCOMMITTED } }) as DriverCluster;
    return fetchTopicsOffset.call(cluster, topics);
  };
}
