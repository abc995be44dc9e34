import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Defect, DEFECTS, RACES } from '../harness/reference/defects/index.js';
import { SUITES } from './index.js';

const FOLDER = fileURLToPath(new URL('../harness/reference/defects/', import.meta.url));

describe('defects', () => {
  const listed = new Set([...DEFECTS, ...RACES]);
  const filed: Defect[] = [];

  for (const role of ['backend', 'frontend'] as const) {
    for (const file of readdirSync(join(FOLDER, role)).filter((name) => name.endsWith('.js'))) {
      const name = basename(file, '.js');
      it(`of ${role}/${name}.ts have the ids and steps of that role and chapter`, async () => {
        const chapter = name.replace(/-.*/, '');
        expect(SUITES.some((test) => test.role === role && test.chapter === chapter)).to.equal(true);
        const constant = `${role}_${name.replaceAll('-', '_')}_DEFECTS`.toUpperCase();
        const exported = (await import(join(FOLDER, role, file))) as Record<string, readonly Defect[]>;
        expect(exported).to.have.all.keys(constant);
        for (const defect of exported[constant] ?? []) {
          filed.push(defect);
          expect(defect.id).to.match(new RegExp(`^${role}\\.${chapter}\\.[a-z0-9-]+$`));
          expect(defect[role], defect.id).to.be.an('object');
          expect(listed, defect.id).to.include(defect);
        }
      });
    }
  }

  it('are all in such a file, with ids that no two share', () => {
    expect(filed).to.have.same.members([...listed]);
    expect(new Set(filed.map(({ id }) => id)).size).to.equal(listed.size);
  });

  it('that lose a wake-up name a test of their chapter', () => {
    for (const { id, raceIn } of RACES) {
      const test = SUITES.find((each) => each.id === raceIn);
      expect(id.startsWith(`${test?.role}.${test?.chapter}.`), id).to.equal(true);
    }
  });
});
