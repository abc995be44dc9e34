/**
 * Runs the suites for StrykerJS, which changes the code of the reference drivers in one place at a time. Each change, a
 * _mutant_, must fail a test.
 *
 * StrykerJS copies the tree, compiles all mutants into the copy, and starts this plugin with the copy as the current
 * folder. So it loads the suites from there.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { declareClassPlugin, declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';
import {
  type DryRunResult,
  DryRunStatus,
  type MutantRunOptions,
  type MutantRunResult,
  MutantRunStatus,
  type TestResult,
  type TestRunner,
  TestStatus,
} from '@stryker-mutator/api/test-runner';
import type { InstrumenterContext } from '@stryker-mutator/api/core';
import type * as Suites from '../../../suites/catalogue.js';
import { ROLES } from '../../run/record.js';
import type * as Records from '../../run/record.js';
import type * as Sessions from '../../run/session.js';
import type * as SimulatedSessions from '../../run/simulated-session.js';
import { isMessage } from './messages.js';

type Modules = typeof Suites & typeof Records & typeof Sessions & typeof SimulatedSessions;

/** Attempts to run all tests of a mutant: an exception that an earlier one has left behind may end a session. */
const ATTEMPTS = 3;

/** A mutant that runs more often than this multiple of StrykerJS's limit is in an endless loop. */
const MANY_HITS = 20;

/** A test that failed. */
interface Caught {
  readonly id: string;
  readonly message: string;
}

/** Runs the tests of both roles against the reference drivers on the simulated Xen. */
class SuitesRunner implements TestRunner {
  readonly #context: InstrumenterContext = ((globalThis as { __stryker__?: InstrumenterContext }).__stryker__ ??= {});
  #modules!: Modules;
  /** The exception of an event handler, which has no caller. */
  #thrown: Error | undefined;

  capabilities(): { readonly reloadEnvironment: false } {
    return { reloadEnvironment: false };
  }

  async init(): Promise<void> {
    const paths = ['suites/catalogue', 'harness/run/record', 'harness/run/session', 'harness/run/simulated-session'];
    const loaded = paths.map(async (path) => (await import(pathToFileURL(resolve(`dist/${path}.js`)).href)) as object);
    this.#modules = Object.assign({}, ...(await Promise.all(loaded))) as Modules;
    process.on('uncaughtException', (error) => (this.#thrown ??= error));
  }

  async dryRun(): Promise<DryRunResult> {
    const tests: TestResult[] = [];
    for (const role of ROLES) {
      const ids = this.#modules.CATALOGUE.testsOf(role).map(({ id }) => id);
      // What runs before the first test belongs to all tests; the first one stands for them.
      this.#context.currentTestId = ids[0] ?? '';
      const caught = await this.#session(role, ids, {
        onBegin: (id) => (this.#context.currentTestId = id),
        onTest: (id, timeSpentMs) => tests.push({ id, name: id, status: TestStatus.Success, timeSpentMs }),
      });
      if (caught) return { status: DryRunStatus.Error, errorMessage: `${caught.id}: ${caught.message}` };
    }
    const { mutantCoverage } = this.#context;
    return { status: DryRunStatus.Complete, tests, ...(mutantCoverage && { mutantCoverage }) };
  }

  async mutantRun({ activeMutant, testFilter, hitLimit }: MutantRunOptions): Promise<MutantRunResult> {
    this.#context.activeMutant = activeMutant.id;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (hitLimit !== undefined) Object.assign(this.#context, { hitCount: 0, hitLimit: hitLimit * MANY_HITS });
      this.#thrown = undefined;
      let [nrOfTests, chosen] = [0, 0];
      for (const { role, ids } of this.#stages(testFilter)) {
        chosen += ids.length;
        const caught = await this.#session(role, ids, { onTest: () => nrOfTests++ });
        if (caught)
          return { status: MutantRunStatus.Killed, killedBy: [caught.id], failureMessage: caught.message, nrOfTests };
      }
      if (nrOfTests === chosen) return { status: MutantRunStatus.Survived, nrOfTests };
    }
    return { status: MutantRunStatus.Error, errorMessage: 'not all of its tests could be run' };
  }

  /**
   * What is run against a mutant that the tests in `testFilter` reach: those tests, which are few, and then all tests of
   * their roles. Tests share a connection, so what the driver did before a test may show in that test alone.
   */
  #stages(testFilter: readonly string[] | undefined): { role: Records.Role; ids: readonly string[] }[] {
    const roles = ROLES.map((role) => ({ role, all: this.#modules.CATALOGUE.testsOf(role).map(({ id }) => id) }));
    const reached = roles
      .map(({ role, all }) => ({ role, all, ids: all.filter((id) => testFilter?.includes(id) ?? true) }))
      .filter(({ ids }) => ids.length > 0);
    const rest = reached.filter(({ all, ids }) => ids.length < all.length);
    return [...reached, ...rest.map(({ role, all }) => ({ role, ids: all }))];
  }

  /** Runs tests until one fails or warns, or the driver throws. */
  async #session(
    role: Records.Role,
    ids: readonly string[],
    on: { readonly onBegin?: (id: string) => void; readonly onTest: (id: string, ms: number) => void },
  ): Promise<Caught | undefined> {
    const { CATALOGUE, runSession, simulatedSession, testMessage } = this.#modules;
    const wanted = new Set(ids);
    const controller = new AbortController();
    let caught: Caught | undefined;
    const options = simulatedSession(role, CATALOGUE, {
      tests: CATALOGUE.testsOf(role).filter(({ id }) => wanted.has(id)),
      onBegin: (id) => on.onBegin?.(id),
      onRecord: (record) => {
        if (record.type !== 'test') return;
        const { id, verdict, durationMs } = record;
        if (wanted.has(id)) on.onTest(id, durationMs);
        // A driver that does not even connect blocks all tests.
        const isCaught = verdict === 'skip' ? record.skip?.class === 'blocked' : verdict !== 'pass';
        if (isCaught) caught ??= { id, message: testMessage(record) ?? record.skip?.reason ?? verdict };
        if (this.#thrown) caught ??= { id, message: this.#thrown.message };
        if (caught) controller.abort();
      },
      signal: controller.signal,
    });
    try {
      await runSession(options);
    } catch (error) {
      // Without a driver that starts there is no session.
      caught ??= { id: ids[0] ?? '', message: String(error) };
    }
    return caught;
  }
}

export const strykerPlugins = [
  declareClassPlugin(PluginKind.TestRunner, 'suites', SuitesRunner),
  declareValuePlugin(PluginKind.Ignore, 'messages', { shouldIgnore: (path) => isMessage(path) }),
];
