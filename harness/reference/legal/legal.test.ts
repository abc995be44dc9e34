import { expect } from 'chai';
import { REQUIREMENTS } from '../../../suites/requirements/index.js';
import { LEGAL } from './index.js';

const levels = new Map(REQUIREMENTS.map(({ id, level }) => [id, level]));

describe('legal drivers', () => {
  it('have unique ids that begin with their role', () => {
    const ids = LEGAL.map(({ id }) => id);
    expect(new Set(ids).size).to.equal(ids.length);
    for (const id of ids) expect(id).to.match(/^(frontend|backend)\.[a-z0-9-]+$/);
  });

  for (const { id, frontend, backend, stack, warns = [] } of LEGAL) {
    it(`${id} replaces something of its role, and warns only of requirements that are no obligation`, () => {
      const [own, other] = id.startsWith('frontend.') ? [frontend, backend] : [backend, frontend];
      expect(own ?? stack, 'steps of its role, or a stack').to.not.equal(undefined);
      expect(other, 'steps of the other role').to.equal(undefined);
      for (const each of warns) expect(levels.get(each), each).to.equal('should');
    });
  }
});
