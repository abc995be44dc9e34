/** What a command does as a step of GitHub Actions. */
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { end, failure, saying, session, test } from '../../reports/records.fixture.js';
import { encodeRecord, readRecords } from '../../reports/records.js';
import { MAIN, packageRoot } from '../base/root.js';

/** Whether a line of the log is an annotation. */
const isAnnotation = (line: string): boolean => /^::(error|warning) /.test(line);
const ON_GITHUB = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: 'summary.md' };

describe('a step of GitHub Actions', function () {
  this.timeout(30_000);
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'netifspec-github-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  function netifspec(env: Record<string, string>, ...args: string[]) {
    const clean = { PATH: process.env['PATH'] ?? '', ...env };
    return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', cwd: folder, env: clean });
  }
  const summary = (): string | undefined =>
    existsSync(join(folder, 'summary.md')) ? readFileSync(join(folder, 'summary.md'), 'utf8') : undefined;

  /** A driver that fails. */
  const bad = join(packageRoot, 'dist/harness/module-driver/samples/bad.js');
  const failing = ['run', '--iut', bad, '--role', 'backend', '--test', 'backend.xenbus.passes-traffic', '-x'];

  it('gets a summary and an annotation at the end of a run', () => {
    const { status, stdout } = netifspec(ON_GITHUB, ...failing);
    expect(status, stdout).to.equal(1);
    expect(summary()).to.match(/^## netifspec: \d+ of \d+ tests failed\n/);
    expect(stdout).to.match(/^::error title=bad%3A backend\.\S+::\w+: /m);
  });

  it('executes no line of the log but the annotations', () => {
    const lines = netifspec(ON_GITHUB, ...failing)
      .stdout.trimEnd()
      .split('\n');
    const [, token = ''] = /^::stop-commands::(\S{36})$/.exec(lines[0] ?? '') ?? [];
    const [first, last] = [lines.findIndex(isAnnotation), lines.findLastIndex(isAnnotation)];

    expect(lines[first - 1]).to.equal(`::${token}::`);
    expect(lines.slice(last + 1)).to.deep.equal([`::stop-commands::${token}`, `::${token}::`]);
  });

  it('gets nothing elsewhere, and of a part of a run only a log that is not executed', () => {
    const run = ['run', '--test', 'backend.xenbus.connect'];
    expect(netifspec({}, ...run).stdout).not.to.match(/^::/m);
    const part = netifspec(ON_GITHUB, ...run, '--shard', '1/1', '--out', 'part');
    expect(part.stdout).to.match(/^::stop-commands::/);
    const merged = netifspec(ON_GITHUB, 'report', 'merge', 'part', '--out', 'merged');
    expect([part.status, merged.status]).to.deep.equal([0, 0]);
    expect(summary()).to.equal(undefined);
    expect(netifspec(ON_GITHUB, 'report', 'markdown', 'merged', '--baseline', 'part').stdout).to.equal('');
    expect(summary()).to.match(
      /^## netifspec: all results are as expected[^]*### Changes since the baseline\n\nno difference\n/,
    );
  });

  it('keeps stdout for the records alone if they are requested', () => {
    const run = ['run', '--test', 'backend.xenbus.connect', '--reporter', 'json'];
    const { stdout, stderr } = netifspec(ON_GITHUB, ...run);
    expect(stdout).to.equal(readFileSync(join(folder, 'results/results.jsonl'), 'utf8'));
    expect(readRecords(join(folder, 'results/results.jsonl')).length).to.be.above(2);
    expect(stderr).to.match(/^::stop-commands::(\S{36})\n::\1::\n$/);
  });

  it('may write the summary to a file too, and links to the files of a job of GitLab or Jenkins', () => {
    const records = [session({ planned: 2 }), failure(), test({ ...saying('warn', 'slow') }), end()];
    writeFileSync(join(folder, 'r.jsonl'), records.map(encodeRecord).join(''));
    const markdown = (env: Record<string, string>, ...args: string[]) => netifspec(env, 'report', 'markdown', ...args);
    const { stdout } = markdown(ON_GITHUB, 'r.jsonl', '--out', 'note.md');
    expect(stdout.match(/^::\w+/gm)).to.deep.equal(['::error', '::warning']);
    expect(`${readFileSync(join(folder, 'note.md'), 'utf8')}\n`).to.equal(summary());
    writeFileSync(join(folder, 'results.jsonl'), records.map(encodeRecord).join(''));
    const link = (env: Record<string, string>, ...args: string[]) =>
      /\[All results\]\((.*)\)/.exec(markdown(env, '.', ...args).stdout)?.[1];
    const gitlab = { CI_JOB_URL: 'https://gitlab.example.org/-/jobs/7', CI_PROJECT_DIR: tmpdir() };
    const name = folder.split('/').at(-1);
    expect(link(gitlab)).to.equal(`https://gitlab.example.org/-/jobs/7/artifacts/file/${name}/report.html`);
    const jenkins = { BUILD_URL: 'https://jenkins.example.org/job/x/7/', WORKSPACE: tmpdir() };
    expect(link(jenkins)).to.equal(`https://jenkins.example.org/job/x/7/artifact/${name}/report.html`);
    expect(link({ ...jenkins, WORKSPACE: '/nowhere' })).to.equal(undefined);
    expect(link(gitlab, '--url', 'https://x.example.org/r')).to.equal('https://x.example.org/r/report.html');
    expect(markdown({}, '.', '--url', 'javascript:alert(1)').status).to.equal(2);
  });
});
