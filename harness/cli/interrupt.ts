export interface Interrupt {
  readonly signal: AbortSignal;
  release(): void;
}

/** The first Ctrl-C ends the run after its current test, so that the driver under test is left clean. */
export function onInterrupt(): Interrupt {
  const controller = new AbortController();
  const abort = (): void => {
    process.stderr.write('netifspec: interrupted; ending the current test (once more to stop at once)\n');
    process.once('SIGINT', () => process.exit(130));
    controller.abort();
  };
  process.once('SIGINT', abort);
  process.once('SIGTERM', abort);
  return {
    signal: controller.signal,
    release: () => {
      process.removeListener('SIGINT', abort);
      process.removeListener('SIGTERM', abort);
    },
  };
}
