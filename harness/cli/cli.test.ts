import { expect } from 'chai';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeRecord, groupSessions, readRecords } from '../../reports/records.js';
import { end, failure, saying, session } from '../../reports/records.fixture.js';
import { MAIN, packageRoot } from '../base/root.js';

/** Number of times that a run is killed at a random moment; a soak test sets it higher. */
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
    expect(stdout).to.match(/^reference-frontend: \d+ of \d+ tests executed/m);
    const run = groupSessions(readRecords(join(folder, 'out/results.jsonl'))).map(({ tests }) =>
      tests.filter(({ chapter }) => chapter !== 'monitor').map(({ id }) => id),
    );
    expect(run).to.deep.equal([['frontend.xenbus.connect'], ['backend.xenbus.connect']]);
    expect(readFileSync(join(folder, 'out/junit.xml'), 'utf8')).to.contain('frontend.xenbus.connect');
    expect(readFileSync(join(folder, 'out/report.html'), 'utf8')).to.contain('backend.xenbus.connect');
  });

  it('lists the catalogue, and all details of each requirement as JSON', () => {
    const { stdout } = netifspec('list');
    expect(stdout).to.match(/^HASH +(\d+) +\1 /m);
    const rows = JSON.parse(netifspec('list', '--json').stdout) as Record<string, unknown>[];
    const keys = ['id', 'side', 'level', 'since', 'gate', 'source', 'statement', 'tests', 'untestable'];
    for (const row of rows) expect(row).to.include.all.keys(keys);
    expect(rows.find(({ id }) => id === 'GREF-12')?.['tests']).to.include('backend.gref.all-or-nothing');
    expect(netifspec('list', '--tests', '--test', 'backend.gso.cut').stdout).to.match(/^backend\.gso\.cut .*bridge/m);
  });

  it('fails if the event loop is empty before the command has ended', () => {
    const stuck = `import { Command } from ${JSON.stringify(import.meta.resolve('commander'))};
      Command.prototype.parseAsync = () => new Promise(() => {});`;
    const args = ['--import', `data:text/javascript,${encodeURIComponent(stuck)}`, MAIN, 'list'];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(stderr).to.contain('the event loop is empty');
    expect(status).to.equal(3);
  });

  it('prints the bytes of results.jsonl for --reporter json', () => {
    const { stdout } = netifspec('run', '--test', 'backend.xenbus.connect', '--out', 'json', '--reporter', 'json');
    expect(stdout).to.equal(readFileSync(join(folder, 'json/results.jsonl'), 'utf8'));
  });

  it(`leaves valid records if it is killed at any time, and does not block the next run`, async function () {
    this.timeout(30_000 + KILLS * 5000);
    for (let n = 0; n < KILLS; n++) {
      const child = spawn(process.execPath, [MAIN, 'run', '--out', 'killed'], { cwd: folder, stdio: 'ignore' });
      const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on('exit', (_, signal) => resolve(signal)));
      // From before its first record to after its last one.
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

  /** Starts a run and waits for its first output, a sign that it has records. */
  async function begun(...args: string[]): Promise<{ child: ChildProcess; ended: Promise<number | null> }> {
    const child = spawn(process.execPath, [MAIN, 'run', ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    await once(child.stdout, 'data');
    child.stdout.resume();
    return { child, ended };
  }

  it('leaves no report of an earlier run next to the records of one that was killed', async () => {
    const args = ['--role', 'backend', '--out', 'stale'];
    netifspec('run', '--test', 'backend.transmit.id-256', '--trace', 'all', ...args);
    expect(readdirSync(join(folder, 'stale')).sort()).to.deep.equal([
      'junit.xml',
      'report.html',
      'results.jsonl',
      'traces',
    ]);
    const { child, ended } = await begun(...args);
    child.kill('SIGKILL');
    await ended;
    expect(readdirSync(join(folder, 'stale')).sort()).to.deep.equal(['results.jsonl', 'traces']);
    expect(readdirSync(join(folder, 'stale/traces/reference-backend'))).to.deep.equal([]);
  });

  it('refuses a second run into the same folder, and does not disturb the first', async () => {
    const { child, ended } = await begun('--role', 'backend', '--out', 'shared');
    const second = netifspec('run', '--test', '*.xenbus.connect', '--out', 'shared');
    expect(second.status, second.stdout).to.equal(3);
    expect(second.stderr).to.match(
      new RegExp(`^netifspec: shared is being written by process ${child.pid} .*; wait for it, or give another folder`),
    );
    child.kill('SIGINT');
    expect(await ended).to.equal(3);
    const [only] = groupSessions(readRecords(join(folder, 'shared/results.jsonl')));
    expect(only?.tests.some(({ chapter }) => chapter !== 'xenbus')).to.equal(true);
  });

  it('ends a run after its current test when its terminal is closed, with all of its reports', async () => {
    const { child, ended } = await begun('--out', 'hung-up');
    child.kill('SIGHUP');
    expect(await ended).to.equal(3);
    const groups = groupSessions(readRecords(join(folder, 'hung-up/results.jsonl')));
    expect(groups.at(-1)?.end).to.include({ complete: false });
    expect(readdirSync(join(folder, 'hung-up')).sort()).to.include.members(['junit.xml', 'report.html']);
  });

  it('prints no control character of a record', () => {
    const hostile = '\x1b]0;title\x07\x1b[2J\u009b31m';
    for (const name of ['hostile', 'calm']) mkdirSync(join(folder, name));
    const target = `target${hostile}`;
    const records = [
      session({ target }),
      failure({ ...saying('fail', hostile), target, title: hostile }),
      end({ target }),
    ];
    writeFileSync(join(folder, 'hostile/results.jsonl'), records.map(encodeRecord).join(''));
    writeFileSync(join(folder, 'calm/results.jsonl'), [session(), end()].map(encodeRecord).join(''));
    for (const args of [
      ['diff', 'calm', 'hostile'],
      ['merge', 'hostile', '--out', 'harmless'],
    ]) {
      const { stdout, stderr } = netifspec('report', ...args);
      expect(stdout).to.contain('frontend.rings.foo');
      expect(stdout + stderr).not.to.match(/[^\P{Cc}\n\t]/u);
    }
  });

  it('keeps the trace of every test and the frames as captures, if requested', () => {
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
    const page = readFileSync(join(folder, 'traced/report.html'), 'utf8');
    const link = 'traces/reference-backend/backend.transmit.id-256.pcapng';
    expect(page)
      .to.match(/<figure class="ladder"/)
      .and.include(`href="${link}"`);
    netifspec('report', 'html', 'traced', '--out', 'page.html');
    expect(readFileSync(join(folder, 'page.html'), 'utf8')).to.include(`href="traced/${link}"`);
    // Under the path that "report junit" uses.
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

  it('merges runs, and lists regressions between runs', () => {
    netifspec('run', '--test', 'frontend.xenbus.connect', '--out', 'shards/1');
    netifspec('run', '--test', 'frontend.xenbus.mac', '--out', 'shards/2');
    const merged = netifspec('report', 'merge', 'shards', '--out', 'merged');
    expect(merged.status, merged.stderr).to.equal(0);
    expect(merged.stdout).to.match(/^frontend\/xenbus +2 passed$/m);
    const worse = netifspec('report', 'diff', 'merged', 'shards/1');
    expect(worse.stdout).to.match(/^GONE +reference-frontend +frontend\.xenbus\.mac/m);
    expect([worse.status, netifspec('report', 'diff', 'shards/1', 'merged').status]).to.deep.equal([1, 0]);
    expect(netifspec('report', 'junit', 'merged').stdout).to.equal(
      readFileSync(join(folder, 'merged/junit.xml'), 'utf8'),
    );
  });

  it('merges the other parts if one has no records, and exits with 3', () => {
    netifspec('run', '--test', 'frontend.xenbus.connect', '--shard', '1/1', '--out', 'part');
    writeFileSync(join(folder, 'empty.jsonl'), '');
    const merged = netifspec('report', 'merge', 'part', 'no-part', 'empty.jsonl', '--out', 'parts');
    expect(merged.status).to.equal(3);
    expect(merged.stdout).to.match(/^frontend\/xenbus +1 passed$/m);
    expect(merged.stderr).to.match(/no-part: no such file or folder; .*; merged the others without it$/m);
    expect(merged.stderr).to.match(/empty\.jsonl: no records; .*; merged the others without it$/m);
    expect(netifspec('report', 'merge', 'no-part', '--out', 'none').status).to.equal(2);
    // A damaged part is not a missing one, and no part is overwritten.
    writeFileSync(join(folder, 'part/results.jsonl'), 'damaged\n');
    for (const out of ['part', 'elsewhere']) {
      const damaged = netifspec('report', 'merge', 'parts', 'part', '--out', out);
      expect(damaged.status, damaged.stderr).to.equal(2);
    }
    expect(readFileSync(join(folder, 'part/results.jsonl'), 'utf8')).to.equal('damaged\n');
  });

  it('repeats --strict in the command that reproduces a failure', () => {
    netifspec('run', '--test', 'frontend.xenbus.connect', '--strict', '--out', 'strict');
    const [session] = readRecords(join(folder, 'strict/results.jsonl'));
    expect(session).to.deep.include({ command: ['netifspec', 'run', '--strict'] });
  });

  it('stops at the limit of failures, reports it, and runs the failed tests again', () => {
    const [iut, defects] = ['run/reference-driver.js', 'reference/defects/index.js'].map((file) =>
      JSON.stringify(join(packageRoot, 'dist/harness', file)),
    );
    const module = `import { referenceDriver } from ${iut};
      import { DEFECTS } from ${defects};
      export default referenceDriver(DEFECTS.find(({ id }) => id === 'backend.receive.raw-status'));`;
    writeFileSync(join(folder, 'broken.mjs'), module);
    const driver = [
      'run',
      '--iut',
      'broken.mjs',
      '--role',
      'backend',
      '--test',
      'backend.receive.*',
      '--out',
      'stopped',
    ];
    const stopped = netifspec(...driver, '-x');
    expect(stopped.status, stopped.stdout + stopped.stderr).to.equal(1);
    expect(stopped.stdout).to.match(/INCOMPLETE: the run was cut short: stopped after 1 failure$/m);
    const { tests, end } = groupSessions(readRecords(join(folder, 'stopped/results.jsonl')))[0] ?? { tests: [] };
    expect(end).to.include({ complete: false, reason: 'stopped after 1 failure', stoppedAfter: 1 });
    const failed = tests.filter(({ verdict }) => verdict === 'fail').map(({ id }) => id);
    expect(failed).to.have.length(1);
    netifspec(...driver, '--last-failed');
    const again = groupSessions(readRecords(join(folder, 'stopped/results.jsonl')))[0]?.tests ?? [];
    const single = again.filter(({ chapter }) => chapter !== 'monitor').map(({ id }) => id);
    expect(single).to.deep.equal(['backend.xenbus.connect', ...failed]);
  });

  it('exits with 3 if its output cannot be written, never with 1', function () {
    if (!existsSync('/dev/full')) this.skip();
    const shell = (command: string): { status: number | null; stderr: string } =>
      spawnSync('bash', ['-c', `set -o pipefail; ${command}`], { encoding: 'utf8', cwd: folder });
    const run = `'${process.execPath}' '${MAIN}' run --test backend.xenbus.connect --out lost`;
    const full = shell(`${run} > /dev/full`);
    expect(full.status, full.stderr).to.equal(3);
    expect(full.stderr).to.equal(
      'netifspec: writing to stdout: no space left on the device; free some, or write to another one\n',
    );
    // The files are complete all the same.
    expect(existsSync(join(folder, 'lost/report.html'))).to.equal(true);
    const closed = shell(`${run} | true`);
    expect(closed.stderr).to.equal('');
    expect(closed.status).to.equal(3);
  });

  for (const [what, args, says] of [
    [
      'a test that does not exist',
      ['run', '--test', 'no-such'],
      /no-such: no such test \("netifspec list --tests" lists all\)/,
    ],
    ['a misspelt test', ['run', '--test', 'backend.gso.cutt'], /did you mean backend\.gso\.cut or /],
    ['an unknown role', ['run', '--role', 'middle'], /--role middle: expected frontend or backend/],
    ['an unknown command', ['frob'], /^netifspec: unknown command 'frob'/],
    ['an unknown option', ['run', '--rol', 'x'], /^netifspec: unknown option '--rol' \(Did you mean --role\?\)/],
    ['a number that is not valid', ['run', '--seed', '-1'], /--seed -1: expected a whole number/],
    ['a target file without its option', ['run', 'one.yaml'], /did you mean --target one\.yaml\?/],
    ['a test without its option', ['lab', 'run', 'backend.*'], /did you mean --test backend\.\*\?/],
    ['a missing target file', ['run', '--target', 'none.yaml'], /none\.yaml: no such file; run "netifspec init/],
    ['results in the place of a file', ['run', '--out', 'one.yaml'], /--out one\.yaml: exists and is not a folder/],
    ['results below a file', ['bench', '--out', 'one.yaml/x'], /--out one\.yaml\/x: a part of this path is a file/],
    ['a report in the place of a folder', ['report', 'html', 'out', '--out', 'json'], /--out json: is a folder/],
    ['a target file in no folder', ['init', 'no/x.yaml', '--role', 'backend'], /no\/x\.yaml: no such file or folder/],
    ['--last-failed without an earlier run', ['run', '--last-failed', '--out', 'never'], /never has no results yet/],
    ['--last-failed after a run without failures', ['run', '--last-failed', '--out', 'out'], /no test failed in out/],
    [
      'a host that is not valid',
      ['run', '--on', 'a@b:99999', '--target', 'one.yaml'],
      /expected \[user@\]host\[:port\]/,
    ],
    ['a bad target file, by line and key', ['run', '--target', 'bad.yaml'], /bad\.yaml:2: role: /],
    ['a missing folder', ['report', 'diff', 'none', 'none'], /none: no such file or folder/],
    [
      'an expectation that matches no test',
      ['run', '--target', 'stale.yaml'],
      /stale\.expectations\.yaml:1: no test matches backend\.gone/,
    ],
    [
      'a target that is given twice',
      ['run', '--target', 'one.yaml', '--target', 'one.yaml'],
      /two targets are named x/,
    ],
    ['a run without records', ['report', 'junit', 'nothing.jsonl'], /nothing\.jsonl: no records; the run ended/],
    ['--on without a target', ['run', '--on', 'host'], /--on needs exactly one --target/],
    ['--strength without --pairs', ['explore', '--strength', '3'], /--strength has no effect without --pairs/],
    [
      'a missing sequence',
      ['explore', '--replay', 'none.json'],
      /--replay none\.json: no such file; "netifspec explore"/,
    ],
    [
      'a sequence of another version',
      ['explore', '--replay', 'other.json'],
      /--replay other\.json: its first connections are none of this version/,
    ],
  ] as const) {
    it(`exits with 2 and prints one line for ${what}`, () => {
      writeFileSync(join(folder, 'bad.yaml'), 'name: x\nrole: front\ndomain: 1\n');
      writeFileSync(join(folder, 'one.yaml'), 'name: x\nrole: frontend\ndomain: simulator\n');
      writeFileSync(join(folder, 'nothing.jsonl'), '');
      writeFileSync(join(folder, 'other.json'), '{ "role": "backend", "start": [{}, {}], "steps": [] }');
      const stale = 'name: x\nrole: backend\ndomain: simulator\nexpectations: stale.expectations.yaml\n';
      writeFileSync(join(folder, 'stale.yaml'), stale);
      const entry = '- { test: backend.gone, verdict: fail, message: m, reason: r, source: s }\n';
      writeFileSync(join(folder, 'stale.expectations.yaml'), entry);
      const { status, stderr } = netifspec(...args);
      expect(status, stderr).to.equal(2);
      expect(stderr).to.match(says);
      expect(stderr.trimEnd().split('\n')).to.have.length(1);
    });
  }
});
