import Mocha from 'mocha';

/** One test as mocha sees it. */
export interface Planned {
  readonly chapter: string;
  readonly id: string;
  /** Runs the test to its end and throws what it failed with, or calls `skip`. */
  readonly run: (skip: () => never) => Promise<void>;
}

/** Runs tests in order, one after the other, through mocha. Deadlines are the tests' own: mocha's is off. */
export async function runWithMocha(plan: readonly Planned[], signal: AbortSignal): Promise<void> {
  const mocha = new Mocha({ timeout: 0, reporter: Silent });
  let suite: Mocha.Suite | undefined;
  for (const planned of plan) {
    // The order is the plan's: a chapter that comes up again is a suite again.
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
    // Takes back the listeners that mocha puts on the process.
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

/** Results leave as records; mocha itself stays quiet. */
class Silent extends Mocha.reporters.Base {
  override epilogue(): void {}
}
