const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Calls `onSignal` for each signal that ends the process, with the exit code by shell convention. */
export function onEndingSignal(ended: (exitCode: number) => void): void {
  for (const [signal, code] of Object.entries(EXIT_CODES)) process.on(signal, () => ended(code));
}
