import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';

/** Private parts of the driver's cluster. */
interface DriverCluster {
  readonly isolationLevel: number | undefined;
  fetchTopicsOffset(topics: unknown): Promise<unknown>;
}

const READ_UNCOMMITTED = 0;
const uncommitted = new AsyncLocalStorage<true>();
let isPatched = false;

/**
 * Runs work whose requests for the ends of topics get the high watermark. Other requests of the driver's admin client get
 * the last stable offset, and it has no option for that; no upstream issue found. Can go when it has one.
 */
export function withHighWatermarks<T>(work: () => Promise<T>): Promise<T> {
  patchCluster();
  return uncommitted.run(true, work);
}

function patchCluster(): void {
  if (isPatched) return;
  isPatched = true;
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/cluster/index.js') as { prototype: DriverCluster };
  const { fetchTopicsOffset } = prototype;
  prototype.fetchTopicsOffset = function fetchAtIsolation(this: DriverCluster, topics) {
    if (uncommitted.getStore() === undefined) return fetchTopicsOffset.call(this, topics);
    const cluster = Object.create(this, { isolationLevel: { value: READ_UNCOMMITTED } }) as DriverCluster;
    return fetchTopicsOffset.call(cluster, topics);
  };
}
