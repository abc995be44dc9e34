import { expect } from 'chai';
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { groupSessions, readRecords } from '../../reports/records.js';
import { packageRoot } from '../root.js';

const MAIN = join(packageRoot, 'dist/harness/cli/main.js');
/** How often a run is killed at a random moment; a soak sets it higher. */
const KILLS = Number(process.env['NETIFSPEC_KILLS'] ?? '3');

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

  it('is no success where nothing is left to wait for before it has ended', () => {
    const stuck = `import { Command } from ${JSON.stringify(import.meta.resolve('commander'))};
      Command.prototype.parseAsync = () => new Promise(() => {});`;
    const args = ['--import', `data:text/javascript,${encodeURIComponent(stuck)}`, MAIN, 'list'];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(stderr).to.contain('waits for what never comes');
    expect(status).to.equal(3);
  });

  it('prints the bytes of results.jsonl for --reporter json', () => {
    const { stdout } = netifspec('run', '--test', 'backend.xenbus.connect', '--out', 'json', '--reporter', 'json');
    expect(stdout).to.equal(readFileSync(join(folder, 'json/results.jsonl'), 'utf8'));
  });

  it(`leaves records that can be read whenever it's killed, and nothing in the way of the next run`, async function () {
    this.timeout(30_000 + KILLS * 5000);
    for (let n = 0; n < KILLS; n++) {
      const child = spawn(process.execPath, [MAIN, 'run', '--out', 'killed'], { cwd: folder, stdio: 'ignore' });
      const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on('exit', (_, signal) => resolve(signal)));
      // From before its first record to past its last one.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 3000));
      child.kill('SIGKILL');
      await ended;
      const records = join(folder, 'killed/results.jsonl');
      if (existsSync(records)) groupSessions(readRecords(records));
    }
    const { status, stderr } = netifspec('run', '--role', 'frontend', '--out', 'killed');
    expect(status, stderr).to.equal(0);
    expect(readdirSync(join(folder, 'killed')).sort()).to.deep.equal(['junit.xml', 'report.html', 'results.jsonl']);
  });

  it('keeps the trace of every test where that is asked for, and the frames as captures', () => {
    const { status, stdout } = netifspec(
      'run',
      '--test',
      'backend.transmit.id-256',
      '--trace',
      'all',
      '--out',
      'traced',
    );
    expect(status, stdout).to.equal(0);
    expect(stdout).to.match(/^traces: 2 in traced\/traces$/m);
    const capture = readFileSync(join(folder, 'traced/traces/reference-backend/backend.transmit.id-256.pcapng'));
    expect(capture.readUInt32LE(0)).to.equal(0x0a0d0d0a);
    expect(readFileSync(join(folder, 'traced/report.html'), 'utf8')).to.match(/<svg class="ladder"/);
    // As "report junit" finds it again.
    const junit = readFileSync(join(folder, 'traced/junit.xml'), 'utf8');
    expect(junit).to.contain('[[ATTACHMENT|traced/traces/reference-backend/backend.transmit.id-256.pcapng]]');
    expect(netifspec('report', 'junit', 'traced').stdout).to.equal(junit);
    cpSync(join(folder, 'traced'), join(folder, 'again'), { recursive: true });
    const both = netifspec('report', 'junit', 'traced', 'again').stdout;
    for (const place of ['traced', 'again'])
      expect(both.split(`|${place}/traces/reference-backend/backend.transmit.id-256.txt`), place).to.have.length(2);
  });

  it('shows colours on a terminal, unless NO_COLOR is set', function () {
    const onTerminal = (env: NodeJS.ProcessEnv): { error?: Error; stdout: string } => {
      const command = `'${process.execPath}' '${MAIN}' run --test backend.xenbus.connect --out coloured`;
      const args = ['--quiet', '--command', command, '/dev/null'];
      return spawnSync('script', args, { encoding: 'utf8', cwd: folder, env: { ...process.env, ...env } });
    };
    const { error, stdout } = onTerminal({ NO_COLOR: '' });
    if (error) this.skip();
    const green = '\x1b[32m';
    expect(stdout).to.contain(green);
    const plain = onTerminal({ NO_COLOR: '1' }).stdout;
    expect(plain).to.contain('1 passed').and.not.to.contain(green);
    expect(netifspec('run', '--test', 'backend.xenbus.connect', '--out', 'coloured').stdout).not.to.contain('\x1b');
  });

  it('merges runs, and tells what is worse in one than in another', () => {
    netifspec('run', '--test', 'frontend.xenbus.connect', '--out', 'shards/1');
    netifspec('run', '--test', 'frontend.xenbus.mac', '--out', 'shards/2');
    const merged = netifspec('report', 'merge', 'shards', '--out', 'merged');
    expect(merged.status, merged.stderr).to.equal(0);
    expect(merged.stdout).to.match(/^reference-frontend: 2 of 2 tests executed/m);
    const worse = netifspec('report', 'diff', 'merged', 'shards/1');
    expect(worse.stdout).to.match(/^GONE +reference-frontend +frontend\.xenbus\.mac/m);
    expect([worse.status, netifspec('report', 'diff', 'shards/1', 'merged').status]).to.deep.equal([1, 0]);
    expect(netifspec('report', 'junit', 'merged').stdout).to.equal(
      readFileSync(join(folder, 'merged/junit.xml'), 'utf8'),
    );
  });

  it('merges what there is where a part has left nothing, and answers 3', () => {
    netifspec('run', '--test', 'frontend.xenbus.connect', '--shard', '1/1', '--out', 'part');
    writeFileSync(join(folder, 'empty.jsonl'), '');
    const merged = netifspec('report', 'merge', 'part', 'no-part', 'empty.jsonl', '--out', 'parts');
    expect(merged.status).to.equal(3);
    expect(merged.stdout).to.match(/^reference-frontend: 1 of 1 tests executed/m);
    expect(merged.stderr).to.match(/no-part: no such file or folder; the others are merged without it$/m);
    expect(merged.stderr).to.match(/empty\.jsonl: no records: .*; the others are merged without it$/m);
    expect(netifspec('report', 'merge', 'no-part', '--out', 'none').status).to.equal(2);
    // What is damaged isn't lost, and what is merged isn't written over.
    writeFileSync(join(folder, 'part/results.jsonl'), 'damaged\n');
    for (const out of ['part', 'elsewhere']) {
      const damaged = netifspec('report', 'merge', 'parts', 'part', '--out', out);
      expect(damaged.status, damaged.stderr).to.equal(2);
    }
    expect(readFileSync(join(folder, 'part/results.jsonl'), 'utf8')).to.equal('damaged\n');
  });

  it('says how to run what failed by --strict again', () => {
    netifspec('run', '--test', 'frontend.xenbus.connect', '--strict', '--out', 'strict');
    const [session] = readRecords(join(folder, 'strict/results.jsonl'));
    expect(session).to.deep.include({ command: ['netifspec', 'run', '--strict'] });
  });

  for (const [what, args, says] of [
    ['a test that is not there', ['run', '--test', 'no-such'], /no such test; "netifspec list" shows them all/],
    ['a role that is not there', ['run', '--role', 'middle'], /it is frontend or backend/],
    ['an unknown command', ['frob'], /unknown command 'frob'/],
    ['a missing target file', ['run', '--target', 'none.yaml'], /none\.yaml: ENOENT/],
    ['a bad target file, by line and key', ['run', '--target', 'bad.yaml'], /bad\.yaml:2: role: /],
    ['a folder that is not there', ['report', 'diff', 'none', 'none'], /none: no such file or folder/],
    [
      'an expectation of no test',
      ['run', '--target', 'stale.yaml'],
      /stale\.expectations\.yaml:1: no test matches backend\.gone/,
    ],
    ['a target that is given twice', ['run', '--target', 'one.yaml', '--target', 'one.yaml'], /two are named x/],
    ['a run without records', ['report', 'junit', 'nothing.jsonl'], /nothing\.jsonl: no records: that run ended/],
    ['--on without a target', ['run', '--on', 'host'], /--on goes with exactly one --target/],
  ] as const) {
    it(`answers 2 to ${what}`, () => {
      writeFileSync(join(folder, 'bad.yaml'), 'name: x\nrole: front\ndomain: 1\n');
      writeFileSync(join(folder, 'one.yaml'), 'name: x\nrole: frontend\ndomain: simulator\n');
      writeFileSync(join(folder, 'nothing.jsonl'), '');
      const stale = 'name: x\nrole: backend\ndomain: simulator\nexpectations: stale.expectations.yaml\n';
      writeFileSync(join(folder, 'stale.yaml'), stale);
      const entry = '- { test: backend.gone, verdict: fail, message: m, reason: r, source: s }\n';
      writeFileSync(join(folder, 'stale.expectations.yaml'), entry);
      const { status, stderr } = netifspec(...args);
      expect(status, stderr).to.equal(2);
      expect(stderr).to.match(says);
      expect(stderr).not.to.contain('    at ');
    });
  }
});
