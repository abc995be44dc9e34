import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../root.js';

const MAIN = join(packageRoot, 'dist/harness/cli/main.js');

describe('the command line', function () {
  this.timeout(30_000);
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'netifspec-cli-'))));
  after(() => rmSync(folder, { recursive: true }));

  function netifspec(...args: string[]): { status: number | null; stdout: string; stderr: string } {
    return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', cwd: folder });
  }

  it('runs a selection against the reference drivers and writes records, JUnit and HTML', () => {
    const { status, stdout } = netifspec('run', '--test', '*.xenbus.connect', '--out', 'out');
    expect(status, stdout).to.equal(0);
    expect(stdout).to.match(/^reference-frontend: 1 of 1 tests executed/m);
    expect(readFileSync(join(folder, 'out/results.jsonl'), 'utf8').trim().split('\n')).to.have.length(6);
    expect(readFileSync(join(folder, 'out/junit.xml'), 'utf8')).to.contain('frontend.xenbus.connect');
    expect(readFileSync(join(folder, 'out/report.html'), 'utf8')).to.contain('backend.xenbus.connect');
  });

  it('lists the catalogue, and as JSON each statement with all that is known of it', () => {
    const { stdout } = netifspec('list');
    expect(stdout).to.match(/^HASH +42 +42 /m);
    const rows = JSON.parse(netifspec('list', '--json').stdout) as Record<string, unknown>[];
    const keys = ['id', 'side', 'level', 'since', 'gate', 'source', 'statement', 'tests', 'untestable'];
    for (const row of rows) expect(row).to.include.all.keys(keys);
    expect(rows.find(({ id }) => id === 'GREF-12')?.['tests']).to.deep.equal(['backend.gref.all-or-nothing']);
    expect(netifspec('list', '--tests', '--test', 'backend.gso.cut').stdout).to.match(/^backend\.gso\.cut .*bridge/m);
  });

  it('prints the bytes of results.jsonl for --reporter json', () => {
    const { stdout } = netifspec('run', '--test', 'backend.xenbus.connect', '--out', 'json', '--reporter', 'json');
    expect(stdout).to.equal(readFileSync(join(folder, 'json/results.jsonl'), 'utf8'));
  });

  for (const [what, args, says] of [
    ['a test that is not there', ['run', '--test', 'no-such'], /no such test; "netifspec list" shows them all/],
    ['a role that is not there', ['run', '--role', 'middle'], /it is frontend or backend/],
    ['an unknown command', ['frob'], /unknown command 'frob'/],
    ['a missing target file', ['run', '--target', 'none.yaml'], /none\.yaml: ENOENT/],
    ['a bad target file, by line and key', ['run', '--target', 'bad.yaml'], /bad\.yaml:2: role: /],
    ['--on without a target', ['run', '--on', 'host'], /--on goes with exactly one --target/],
  ] as const) {
    it(`answers 2 to ${what}`, () => {
      writeFileSync(join(folder, 'bad.yaml'), 'name: x\nrole: front\ndomain: 1\n');
      const { status, stderr } = netifspec(...args);
      expect(status, stderr).to.equal(2);
      expect(stderr).to.match(says);
      expect(stderr).not.to.contain('    at ');
    });
  }
});
