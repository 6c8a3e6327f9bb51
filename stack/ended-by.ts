const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Tells of each signal that asks this process to end, with the exit code that a shell expects of it. */
export function onEndingSignal(ended: (exitCode: number) => void): void {
  for (const [signal, code] of Object.entries(EXIT_CODES)) process.on(signal, () => ended(code));
}
