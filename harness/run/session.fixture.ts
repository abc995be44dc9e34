/** Sessions of made-up tests on the simulated Xen. */
import type { Iut } from './iut.js';
import { type ResultRecord, testMessage, type TestRecord } from './record.js';
import { type PlantedSteps, referenceDriver } from './reference-driver.js';
import { openSimulatedIut } from './simulated-iut.js';
import { CATALOGUE } from '../../suites/catalogue.js';
import { Catalogue } from './catalogue.js';
import { recordsOfSession } from './records-of-session.fixture.js';
import { type BackendTest, backendChapter, type TestOptions, type Tests } from './suite.js';
import { referenceTarget, type Target } from './target.js';

export interface Setting {
  readonly catalogue?: Catalogue;
  readonly options?: TestOptions;
  readonly iut?: Partial<Iut>;
  readonly planted?: PlantedSteps;
  readonly target?: Partial<Target>;
  readonly signal?: AbortSignal;
  readonly spec?: string;
  readonly keep?: boolean;
  readonly log?: (line: string) => void;
}

export async function records(
  setting: Setting,
  ...bodies: ((t: BackendTest) => Promise<void>)[]
): Promise<ResultRecord[]> {
  const { test, tests } = backendChapter('sample');
  bodies.forEach((body, n) => test(`test-${n}`, 'does something', setting.options ?? {}, body));
  return runTests(tests, setting.target, setting);
}

export function runTests(tests: Tests, target: Partial<Target> = {}, setting: Setting = {}): Promise<ResultRecord[]> {
  const { iut, planted } = setting;
  return recordsOfSession('backend', tests, {
    ...setting,
    target: { ...referenceTarget('backend'), ...target },
    open: async () => ({ ...(await openSimulatedIut('backend', 1, referenceDriver(planted))), ...iut }),
  });
}

export type Outcome = TestRecord & { readonly message: string | undefined };

export async function outcome(body: (t: BackendTest) => Promise<void>, setting: Setting = {}): Promise<Outcome> {
  const test = (await records(setting, body)).find((record) => record.type === 'test');
  if (!test) throw new Error('no test record');
  return { ...test, message: testMessage(test) };
}

/** A catalogue in which the first test declares that it checks these requirements. */
export const checking = (...ids: string[]) => ({
  catalogue: new Catalogue([], CATALOGUE.requirements, { 'backend.sample.test-0': ids }),
});

export const passing = async (t: BackendTest): Promise<void> => {
  await t.check('TXW-10', () => {});
};
