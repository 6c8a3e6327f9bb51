import { setFlagsFromString } from 'node:v8';

/**
 * Makes V8 collect garbage when the heap has grown by 60 %, instead of 120 % (see the `lastseen` script): for a command
 * that mostly waits for servers. V8 reads the flag at each collection.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=60');
}
