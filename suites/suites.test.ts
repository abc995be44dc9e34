import { expect } from 'chai';
import { isAnchor } from '../harness/run/suite.js';
import { REFLECTORS } from '../harness/run/reflectors.js';
import { checkedIds } from './checked.js';
import { SUITES } from './index.js';
import { CATALOGUE, requirement } from './requirements/index.js';

describe('suites', () => {
  it('have permanent ids that no two tests share', () => {
    const ids = SUITES.map((test) => test.id);
    expect(new Set(ids).size).to.equal(ids.length);
    for (const id of ids) expect(id).to.match(/^(frontend|backend)\.[a-z]+\.[a-z0-9-]+$/);
  });

  it('begin, for each role, with the connection test that the others stand on', () => {
    for (const role of ['frontend', 'backend']) {
      const first = SUITES.find((test) => test.role === role);
      expect(first && isAnchor(first), role).to.equal(true);
    }
  });

  for (const test of SUITES) {
    it(`${test.id} names requirements that bind its role and can be tested`, () => {
      const ids = checkedIds(test);
      expect(ids.length, 'requirement ids in the body').to.be.above(0);
      for (const id of ids) {
        const { side, untestable } = requirement(id);
        expect(side, id).to.be.oneOf([test.role, 'both']);
        expect(untestable, id).to.equal(undefined);
      }
    });
  }

  it('cover the catalogue', () => {
    const checked = new Set(SUITES.flatMap(checkedIds));
    const uncovered = CATALOGUE.filter(({ id, untestable }) => !checked.has(id) && untestable === undefined);
    expect(uncovered.map(({ id }) => id)).to.deep.equal([]);
  });

  it('say which make connections of their own', () => {
    for (const test of SUITES) {
      const own =
        /\bt\.(fresh|plug|bridged)\(|\b(hashing|steering|mapping|pools|controlled|pending|offering|refusesExtra|worksOrRefuses)\(|(refusesToConnect|outlives)\(/.test(
          test.body.toString(),
        );
      expect(test.options.fresh ?? false, test.id).to.equal(own);
    }
  });

  it('say which send frames through the guest', () => {
    for (const test of SUITES) {
      expect(test.options.needs === 'bridge', test.id).to.equal(
        /\bt\.bridged\(|\b(hashing|steering)\(/.test(test.body.toString()),
      );
    }
  });

  it('say which have something else done to the guest', () => {
    for (const test of SUITES) {
      const body = test.body.toString();
      const uses = { carrier: /\bt\.hasCarrier\(/, rebind: /\bt\.(un)?bind\(/, restore: /\bt\.restore\(/ };
      for (const [need, use] of Object.entries(uses)) {
        expect(test.options.needs === need, test.id).to.equal(use.test(body));
      }
    }
  });

  it('say which ask something of the guest', () => {
    for (const test of SUITES) {
      const asks =
        /\.(ping|arp|syn)\(|isRefused\(|worksOrRefuses\(|awaitSettled\(|refusesExtra\(|stillPasses\(|survives\(|refuses\(|refusesToConnect\(|outlives\(/.test(
          test.body.toString(),
        );
      if (asks) expect(test.options.reflector, test.id).to.be.oneOf(REFLECTORS);
    }
  });

  it('know where each test stands', () => {
    for (const test of SUITES) expect(test.location).to.match(/^suites\/(frontend|backend)\/\w+\.[tj]s:\d+$/);
  });
});
