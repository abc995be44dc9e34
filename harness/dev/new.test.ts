import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { packageRoot } from '../base/root.js';

const SUITE = 'suites/backend/transmit.ts';
const DEFECTS = 'harness/reference/defects/backend/transmit.ts';

describe('the scaffold of a test', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'netifspec-new-'));
    for (const file of [SUITE, DEFECTS]) mkdirSync(join(folder, file, '..'), { recursive: true });
    cpSync(join(packageRoot, SUITE), join(folder, SUITE));
    writeFileSync(
      join(folder, DEFECTS),
      "import type { Defect } from '../defect.js';\n\nexport const BACKEND_TRANSMIT_DEFECTS: readonly Defect[] = [\n];\n",
    );
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const scaffold = (...args: string[]) =>
    spawnSync(process.execPath, [join(packageRoot, 'dist/harness/dev/new.js'), ...args], {
      encoding: 'utf8',
      cwd: folder,
    });
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8');

  it('adds a test to the suite and a defect to its list', () => {
    const { status, stdout, stderr } = scaffold('test', 'backend.transmit.foo', 'TXW-10');
    expect(status, stderr).to.equal(0);
    expect(stdout).to.contain(SUITE).and.to.contain(DEFECTS);
    expect(read(SUITE).slice(readFileSync(join(packageRoot, SUITE), 'utf8').length)).to.match(
      /^\ntest\('foo', '.*', \{ reflector: 'icmp' \}, async \(t\) => \{\n[^]*t\.check\('TXW-10'[^]*\}\);\n$/,
    );
    expect(read(DEFECTS)).to.match(
      /= \[\n {2}\{\n {4}id: 'backend\.transmit\.foo',\n {4}breaks: 'TXW-10',\n[^]*\n\];\n$/,
    );
    for (const file of [SUITE, DEFECTS]) {
      const { diagnostics } = ts.transpileModule(read(file), { reportDiagnostics: true });
      expect(diagnostics, file).to.deep.equal([]);
    }
  });

  for (const [what, args, says] of [
    ['an unknown chapter', ['test', 'backend.nothing.foo', 'TXW-10'], /no chapter nothing; expected one of xenbus, /],
    ['an unknown requirement', ['test', 'backend.transmit.foo', 'TXW-99'], /^TXW-99: no such requirement/],
    ["a requirement of the peer's side", ['test', 'backend.transmit.foo', 'RING-02'], /^RING-02: binds the frontend/],
    [
      'an id that a test has',
      ['test', 'backend.transmit.id-256', 'TXW-10'],
      /^backend\.transmit\.id-256: a test with this id exists/,
    ],
    ['an id that is not valid', ['test', 'transmit.foo', 'TXW-10'], /^transmit\.foo: not a valid id/],
    ['anything but a test', ['defect', 'backend.transmit.foo', 'TXW-10'], /^usage: /],
  ] as const) {
    it(`refuses ${what} in one line`, () => {
      const { status, stderr } = scaffold(...args);
      expect(status).to.equal(2);
      expect(stderr)
        .to.match(says)
        .and.to.match(/^.*\n$/);
      expect(read(SUITE)).to.equal(readFileSync(join(packageRoot, SUITE), 'utf8'));
    });
  }

  it('refuses the same id a second time', () => {
    scaffold('test', 'backend.transmit.foo', 'TXW-10');
    expect(scaffold('test', 'backend.transmit.foo', 'TXW-10')).to.include({
      status: 2,
      stderr: 'backend.transmit.foo: a test with this id exists already; choose another name\n',
    });
  });
});
