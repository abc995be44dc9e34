import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../base/root.js';
import { loadTarget, targetSchema } from './target.js';
import { recordJsonSchema } from './record-schema.js';
import { targetJsonSchema, targetPage, targetTemplate } from './template.js';

describe('a new target file', () => {
  let file: string;
  before(() => (file = join(mkdtempSync(join(tmpdir(), 'netifspec-template-')), 'new.yaml')));
  after(() => rmSync(join(file, '..'), { recursive: true }));

  for (const role of ['frontend', 'backend'] as const) {
    it(`for a ${role} is valid with only the required keys`, () => {
      writeFileSync(file, targetTemplate(role));
      expect(loadTarget(file)).to.deep.equal(
        targetSchema.parse({ name: 'my-driver', role, domain: 'my-guest', connection: 'hotplug', os: 'linux' }),
      );
    });
  }

  it('has all keys, and is valid if they are all uncommented', () => {
    const opened = targetTemplate('frontend').replace(/^# ( *(?!default:)[a-zA-Z]+:)/gm, '$1');
    writeFileSync(file, opened);
    writeFileSync(join(file, '../my-driver.expectations.yaml'), '');
    const { ssh, ...rest } = loadTarget(file);
    expect(Object.keys({ ...rest, ssh }).sort()).to.deep.equal(Object.keys(targetSchema.shape).sort());
    expect(ssh).to.include.all.keys('host', 'port', 'user', 'identity', 'knownHosts');
  });

  it('describes each key, in lines that fit a terminal', () => {
    const lines = targetTemplate('backend').split('\n');
    expect(lines).to.include('# End of the vif that is under test (one of frontend, backend).');
    expect(lines).to.include('# Factor by which every deadline is multiplied, for slow hosts (default: 1; optional).');
    expect(lines.filter((line) => line.length > 104)).to.deep.equal([]);
  });
});

describe("the target file's JSON Schema", () => {
  const inDocs = (name: string): string => readFileSync(join(packageRoot, 'docs', name), 'utf8');

  it('is the one in the docs, and so is the page generated from it (npm run docs)', () => {
    expect(JSON.parse(inDocs('target.schema.json'))).to.deep.equal(targetJsonSchema());
    expect(inDocs('target-file.md')).to.equal(targetPage());
    expect(JSON.parse(inDocs('results.schema.json'))).to.deep.equal(recordJsonSchema());
  });

  it('describes every key, and requires only the necessary ones', () => {
    const { properties, required, additionalProperties } = targetJsonSchema() as {
      properties: Record<string, { description?: string }>;
      required: string[];
      additionalProperties: boolean;
    };
    expect(Object.entries(properties).filter(([, { description }]) => !description)).to.deep.equal([]);
    expect(required).to.deep.equal(['name', 'role', 'domain']);
    expect(additionalProperties).to.equal(false);
  });
});
