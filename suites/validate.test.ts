import { expect } from 'chai';
import { runMatrix } from '../harness/validate/matrix.js';
import { type Proof, proofOf } from '../harness/validate/proof.js';
import { type Hole, RULES } from '../harness/validate/rules.js';
import { DEFECTS } from '../harness/reference/defects/index.js';
import { LEGAL } from '../harness/reference/legal/index.js';
import { SUITES } from './index.js';

/** The least number of defects that mirror bugs of real drivers. */
const REAL_BUGS = 80;

/** Legal drivers get a third of the tests here; `netifspec validate` runs them all. */
const ONE_IN = 3;

describe('validate', function () {
  this.timeout(3_600_000);
  let proof: Proof;
  before(async () => {
    proof = proofOf(await runMatrix({ oneIn: ONE_IN }));
  });

  const holesOf = (is: (hole: Hole) => boolean): string[] =>
    proof.holes.filter(is).map(({ rule, subject, message }) => `${subject}: ${RULES[rule]}; ${message}`);

  for (const { id, fault, breaks } of DEFECTS) {
    it(`${id} (${fault}) is caught by a check of ${breaks}, and leaves other requirements passing`, () => {
      expect(holesOf(({ subject }) => subject === id)).to.deep.equal([]);
    });
  }

  for (const chapter of new Set(SUITES.map(({ role, chapter }) => `${role}.${chapter}.`))) {
    it(`each test of ${chapter}* passes on the correct driver and is failed by a defect`, () => {
      const ids = new Set(SUITES.map(({ id }) => id));
      expect(holesOf(({ subject }) => subject.startsWith(chapter) && ids.has(subject))).to.deep.equal([]);
    });
  }

  for (const { id, choice } of LEGAL) {
    it(`${id} (${choice}) is legal, and no test fails it`, () => {
      expect(holesOf(({ subject }) => subject === id)).to.deep.equal([]);
    });
  }

  it('proves each requirement by a defect, for each role that it binds, or lists it as unprovable', () => {
    expect(holesOf(({ rule }) => rule === 'proved')).to.deep.equal([]);
  });

  it('has no other hole, and covers every test, every defect and every legal driver', () => {
    const known = new Set([...SUITES, ...DEFECTS, ...LEGAL].map(({ id }) => id));
    expect(holesOf(({ rule, subject }) => rule !== 'proved' && !known.has(subject))).to.deep.equal([]);
    expect(proof).to.include({ tests: SUITES.length, defects: DEFECTS.length, killed: DEFECTS.length });
    expect(proof.legal).to.have.length(LEGAL.length);
  });

  it(`has ${REAL_BUGS} defects or more that mirror bugs of real drivers`, () => {
    expect(proof.seen).to.be.at.least(REAL_BUGS);
  });
});
