import { stderr } from '../base/terminal.js';

export interface Interrupt {
  readonly signal: AbortSignal;
  release(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Ends the run after its current test on the first Ctrl-C or the loss of the terminal, so that the driver under test is
 * left in a clean state. With `output`, also if the reader of stdout closes it: the results would be lost.
 */
export function onInterrupt({ output = false }: { readonly output?: boolean } = {}): Interrupt {
  const controller = new AbortController();
  const abort = (): void => {
    if (controller.signal.aborted) return;
    process.once('SIGINT', () => process.exit(130));
    controller.abort();
    stderr.line('netifspec: interrupted; the run ends after the current test (Ctrl-C ends it at once)');
  };
  for (const name of SIGNALS) process.on(name, abort);
  if (output) process.stdout.on('error', abort);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of SIGNALS) process.removeListener(name, abort);
      process.stdout.removeListener('error', abort);
    },
  };
}
