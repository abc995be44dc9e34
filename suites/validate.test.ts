import { expect } from 'chai';
import { runMatrix } from '../harness/proof/matrix.js';
import { type Proof, proofOf } from '../harness/proof/proof.js';
import { type Hole, RULES } from '../harness/proof/rules.js';
import { DEFECTS } from '../harness/reference/defects/index.js';
import { SUITES } from './index.js';

/** Bugs of real drivers that defects must at least mirror. */
const REAL_BUGS = 80;

describe('validate', function () {
  this.timeout(180_000);
  let proof: Proof;
  before(async () => {
    proof = proofOf(await runMatrix());
  });

  const holesOf = (is: (hole: Hole) => boolean): string[] =>
    proof.holes.filter(is).map(({ rule, subject, message }) => `${subject}: ${RULES[rule]}; ${message}`);

  for (const { id, fault, breaks } of DEFECTS) {
    it(`${id} (${fault}) is caught by a check of ${breaks}, and leaves the rest`, () => {
      expect(holesOf(({ subject }) => subject === id)).to.deep.equal([]);
    });
  }

  for (const chapter of new Set(SUITES.map(({ role, chapter }) => `${role}.${chapter}.`))) {
    it(`each test of ${chapter}* passes on the correct driver and is failed by a defect`, () => {
      const ids = new Set(SUITES.map(({ id }) => id));
      expect(holesOf(({ subject }) => subject.startsWith(chapter) && ids.has(subject))).to.deep.equal([]);
    });
  }

  it('has no hole besides, and looked at every test and every defect', () => {
    const known = new Set([...SUITES, ...DEFECTS].map(({ id }) => id));
    expect(holesOf(({ subject }) => !known.has(subject))).to.deep.equal([]);
    expect(proof).to.include({ tests: SUITES.length, defects: DEFECTS.length, killed: DEFECTS.length });
  });

  it(`has ${REAL_BUGS} defects or more that mirror bugs of real drivers`, () => {
    expect(proof.seen).to.be.at.least(REAL_BUGS);
  });
});
