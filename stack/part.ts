import type { Child, ChildCommand } from './child.ts';

export const PART_NAMES = ['postgres', 'kafka', 'registry', 'connect'] as const;
export type PartName = (typeof PART_NAMES)[number];

/** One server of the stack: `prepare` brings what it needs once, `command` and `isReady` serve every start of it. */
export interface Part {
  /** Ports it listens on; held free until it starts. */
  readonly ports: readonly number[];
  prepare(onDownload: () => void): Promise<void>;
  command(): ChildCommand;
  /** Asks the server itself; any error counts as "not yet". */
  isReady(): Promise<boolean>;
  /** The first time it is ready, before others may use it. */
  afterFirstStart?(): Promise<void>;
}

export interface Running {
  readonly child: Child;
  /** True from the moment the stack itself ended it, so that its end is no failure. */
  ended: boolean;
}
