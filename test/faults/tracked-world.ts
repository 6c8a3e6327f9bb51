import type { World } from '../support/world.ts';
import { envThroughProxies, type Harness, keepRunning, type Service } from './harness.ts';

/** A world whose topics `track` reads all the time. */
export interface TrackedWorld {
  readonly harness: Harness;
  readonly world: World;
  readonly track: Service;
  close(): Promise<void>;
}

/** @param settings environment of `track`, besides the addresses of the proxies */
export async function openTracked(
  harness: Harness,
  settings: Readonly<Record<string, string>> = {},
): Promise<TrackedWorld> {
  const world = await harness.openWorld();
  await world.prepare();
  await world.connect();
  const env = { ...envThroughProxies(harness.lastseenProxies, world, 'track'), ...settings };
  const track = keepRunning(world, env, 'track');
  return { harness, world, track, close: () => track.stop().finally(() => world.close()) };
}
