import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../root.js';
import { loadTarget, targetSchema } from './target.js';
import { targetJsonSchema, targetPage, targetTemplate } from './template.js';

describe('a new target file', () => {
  let file: string;
  before(() => (file = join(mkdtempSync(join(tmpdir(), 'netifspec-template-')), 'new.yaml')));
  after(() => rmSync(join(file, '..'), { recursive: true }));

  for (const role of ['frontend', 'backend'] as const) {
    it(`for a ${role} is one that can be used, with what must be filled in alone`, () => {
      writeFileSync(file, targetTemplate(role));
      expect(loadTarget(file)).to.deep.equal(
        targetSchema.parse({ name: 'my-driver', role, domain: 'my-guest', connection: 'hotplug', os: 'linux' }),
      );
    });
  }

  it('can be used with every key opened, and has all of them', () => {
    const opened = targetTemplate('frontend').replace(/^# ( *[a-zA-Z]+:)/gm, '$1');
    writeFileSync(file, opened);
    const { ssh, ...rest } = loadTarget(file);
    expect(Object.keys({ ...rest, ssh }).sort()).to.deep.equal(Object.keys(targetSchema.shape).sort());
    expect(ssh).to.include.all.keys('host', 'port', 'user', 'identity', 'knownHosts');
  });

  it('says of each key what it means, in lines that a terminal shows', () => {
    const lines = targetTemplate('backend').split('\n');
    expect(lines).to.include('# Which end of the vif is under test (one of frontend, backend).');
    expect(lines).to.include('# Factor on every deadline (1 unless told; optional).');
    expect(lines.filter((line) => line.length > 104)).to.deep.equal([]);
  });
});

describe("the target file's JSON Schema", () => {
  const inDocs = (name: string): string => readFileSync(join(packageRoot, 'docs', name), 'utf8');

  it('is the one in the docs, and the page there is made of it (npm run docs)', () => {
    expect(JSON.parse(inDocs('target.schema.json'))).to.deep.equal(targetJsonSchema());
    expect(inDocs('target-file.md')).to.equal(targetPage());
  });

  it('has every key with a description, and wants no more than there must be', () => {
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
