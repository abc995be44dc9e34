import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { CATALOGUE } from '../../suites/catalogue.js';
import { packageRoot } from '../base/root.js';
import { explorationIds } from '../explore/records.js';
import { Expectations, loadExpectations } from '../run/expectations.js';
import { monitorTests } from '../run/monitored.js';
import { loadTarget } from '../run/target.js';

const FOLDER = join(packageRoot, 'harness/lab/targets');

describe("the lab's targets", () => {
  for (const file of readdirSync(FOLDER).filter((name) => /^[\w-]+\.yaml$/.test(name))) {
    it(`${file} is valid, and its expectations name tests that exist`, () => {
      const { role, expectations } = loadTarget(join(FOLDER, file));
      const ids = [...CATALOGUE.testsOf(role), ...monitorTests(role)].map(({ id }) => id);
      const entries = expectations ? loadExpectations(expectations) : [];
      expect(new Expectations(entries).stale([...ids, ...explorationIds(role, CATALOGUE)])).to.deep.equal([]);
    });
  }
});
