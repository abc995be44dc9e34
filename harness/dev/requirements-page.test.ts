import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../base/root.js';
import { CATALOGUE } from '../../suites/catalogue.js';
import { requirementsPage } from './requirements-page.js';

describe('the documentation of the requirements', () => {
  const page = requirementsPage();

  it('is up to date with the catalogue (npm run docs)', () => {
    expect(readFileSync(join(packageRoot, 'docs/requirements.md'), 'utf8') === page, 'docs/requirements.md').to.equal(
      true,
    );
  });

  it('has an anchor for each requirement, with its tests and defects', () => {
    for (const { id } of CATALOGUE.requirements) expect(page).to.contain(`<a id="${id.toLowerCase()}"></a>${id} |`);
    const [row] = /^.*<a id="rxw-06">.*$/m.exec(page) ?? [];
    expect(row).to.contain('`backend.receive.bad-ref`').and.to.contain('`backend.receive.raw-status`');
  });
});
