import Mocha from 'mocha';

/** One test, as passed to mocha. */
export interface Planned {
  readonly chapter: string;
  readonly id: string;
  /** Runs the test to its end and throws its failure, or calls `skip`. */
  readonly run: (skip: () => never) => Promise<void>;
}

/**
 * Runs tests one after the other, in order, through mocha. Mocha's timeout is off: the tests have their own deadlines.
 *
 * Mocha provides suites, order and skips that vendors know. It stays this thin so that no verdict depends on it:
 * deadlines, verdicts and reports are the test runner's.
 */
export async function runWithMocha(plan: readonly Planned[], signal: AbortSignal): Promise<void> {
  const mocha = new Mocha({ timeout: 0, reporter: SilentReporter });
  let suite: Mocha.Suite | undefined;
  for (const planned of plan) {
    // Keeps the order of the plan: a chapter that appears twice is two suites.
    if (suite?.title !== planned.chapter) suite = Mocha.Suite.create(mocha.suite, planned.chapter);
    suite.addTest(
      new Mocha.Test(planned.id, function (this: Mocha.Context) {
        return planned.run(() => this.skip());
      }),
    );
  }
  try {
    await run(mocha, signal);
  } finally {
    // Removes the listeners that mocha adds to the process.
    mocha.dispose();
  }
}

function run(mocha: Mocha, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const runner = mocha.run(() => resolve());
    const abort = (): void => void runner.abort();
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    runner.once('end', () => signal.removeEventListener('abort', abort));
  });
}

/** A reporter without output: results are emitted as records. */
class SilentReporter extends Mocha.reporters.Base {
  override epilogue(): void {}
}
