import { expect } from 'chai';
import { monitored } from '../harness/peer/monitor/monitor.js';
import { isAnchor } from '../harness/run/suite.js';
import { checksOf, type Observed, observedTests } from '../harness/dev/observed-tests.js';
import { type Reflector, REFLECTORS } from '../harness/peer/context.js';
import { CATALOGUE } from './catalogue.js';
import { CHECKS } from './checks.js';
import { SUITES } from './index.js';

const index = (reflector: Reflector | undefined): number => (reflector ? REFLECTORS.indexOf(reflector) : -1);

describe('suites', () => {
  let observed: ReadonlyMap<string, Observed>;
  before(async function () {
    this.timeout(120_000);
    observed = await observedTests();
  });

  it('have permanent ids that no two tests share', () => {
    const ids = SUITES.map((test) => test.id);
    expect(new Set(ids).size).to.equal(ids.length);
    for (const id of ids) expect(id).to.match(/^(frontend|backend)\.[a-z]+\.[a-z0-9-]+$/);
  });

  it('begin, for each role, with the connection test that the others depend on', () => {
    for (const role of ['frontend', 'backend']) {
      const first = SUITES.find((test) => test.role === role);
      expect(first && isAnchor(first), role).to.equal(true);
    }
  });

  for (const test of SUITES) {
    it(`${test.id} names requirements that bind its role and can be tested`, () => {
      const ids = CATALOGUE.checkedBy(test);
      expect(ids.length, 'requirements that it checks').to.be.above(0);
      for (const id of ids) {
        const { side, untestable } = CATALOGUE.requirement(id);
        expect(side, id).to.be.oneOf([test.role, 'both']);
        expect(untestable, id).to.equal(undefined);
      }
    });
  }

  it('name requirements of one level in each check, and none of level MAY', () => {
    const levels = (ids: readonly string[]): Set<string> => new Set(ids.map((id) => CATALOGUE.requirement(id).level));
    const mixed = [...observed].flatMap(([id, { together }]) =>
      together.filter((ids) => levels(ids).size > 1 || levels(ids).has('may')).map((ids) => `${id}: ${ids.join(' ')}`),
    );
    expect([...new Set(mixed)]).to.deep.equal([]);
  });

  it('check the requirements that suites/checks.ts lists (npm run checks writes it)', () => {
    expect(checksOf(observed)).to.deep.equal(CHECKS);
  });

  for (const role of ['frontend', 'backend'] as const) {
    it(`are joined by rules of the monitor that bind a ${role}`, () => {
      for (const id of monitored(role)) expect(CATALOGUE.requirement(id).side, id).to.be.oneOf([role, 'both']);
    });
  }

  it('cover the catalogue', () => {
    const rules = [...monitored('frontend'), ...monitored('backend')];
    const checked = new Set([...SUITES.flatMap((test) => CATALOGUE.checkedBy(test)), ...rules]);
    const uncovered = CATALOGUE.requirements.filter(
      ({ id, untestable }) => !checked.has(id) && untestable === undefined,
    );
    expect(uncovered.map(({ id }) => id)).to.deep.equal([]);
  });

  for (const test of SUITES) {
    it(`${test.id} declares what it uses`, () => {
      const { fresh = false, observer = false, needs, reflector } = test.options;
      const uses = observed.get(test.id)?.uses ?? new Set();
      const abilities = ['bridge', 'carrier', 'rebind', 'restore', 'checkpoint'] as const;
      expect(uses.has('fresh'), 'fresh').to.equal(fresh);
      expect(uses.has('observer'), 'observer').to.equal(observer);
      expect(abilities.filter((each) => uses.has(each))).to.deep.equal(needs === undefined ? [] : [needs]);
      // A request that the stack must reply to implies those before it.
      const answered = REFLECTORS.findLast((each) => uses.has(each));
      expect(index(reflector), `reflector: ${answered}`).to.be.at.least(index(answered));
    });
  }

  it('know the location of each test', () => {
    for (const test of SUITES) expect(test.location).to.match(/^suites\/(frontend|backend)\/\w+\.[tj]s:\d+$/);
  });
});
