import type { ChildCommand } from './child.ts';

export const PART_NAMES = ['postgres', 'kafka', 'registry', 'connect'] as const;
export type PartName = (typeof PART_NAMES)[number];

/** One server of the stack. `prepare` runs once, `command` and `isReady` at every start. */
export interface Part {
  /** Ports it listens on; held free until it starts. */
  readonly ports: readonly number[];
  prepare(onDownload: () => void): Promise<void>;
  command(): ChildCommand;
  /** Queries the server. An error means "not ready". */
  isReady(): Promise<boolean>;
  /** Runs when the server is ready for the first time, before others use it. */
  afterFirstStart?(): Promise<void>;
}
