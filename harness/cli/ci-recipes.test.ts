/** The ready-made recipes for CI engines: valid for their engine, and their scripts do what they should. */
import { validateAction, validateWorkflow } from '@action-validator/core';
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { validate as validateDockerfile } from 'dockerfile-utils';
import { Language, Parser } from 'web-tree-sitter';
import { parse, parseAllDocuments } from 'yaml';
import { end, failure, session, test } from '../../reports/records.fixture.js';
import { encodeRecord } from '../../reports/records.js';
import type { TestRecord } from '../run/record.js';
import { MAIN, packageRoot } from '../base/root.js';

const text = (file: string): string => readFileSync(join(packageRoot, file), 'utf8');
const module = createRequire(import.meta.url);

interface Step {
  readonly name: string;
  readonly run?: string;
}
const ACTION = parse(text('action.yml')) as { runs: { steps: Step[] } };
const actionScript = (name: string): string => ACTION.runs.steps.find((step) => step.name === name)?.run ?? '';

type Jobs = Record<string, { script: string[] }>;
const gitlabScript = (job: string): string =>
  (parseAllDocuments(text('templates/netifspec.yml'))[1]?.toJS() as Jobs)[job]?.script.join('\n') ?? '';

const jenkinsScript = (): string => /script: '''([^]*?)'''/.exec(text('docs/ci/Jenkinsfile'))?.[1] ?? '';

/** The errors in the syntax of a script in Groovy. */
async function groovyErrors(source: string): Promise<string[]> {
  await Parser.init();
  const parser = new Parser();
  const grammar = module.resolve('tree-sitter-groovy/tree-sitter-groovy.wasm');
  parser.setLanguage(await Language.load(readFileSync(grammar)));
  const tree = parser.parse(source);
  return tree?.rootNode.hasError === false ? [] : ['syntax error'];
}

describe('the recipes for CI engines', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'netifspec-recipes-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('have a valid action and workflow of GitHub', () => {
    expect(validateAction(text('action.yml')).errors).to.deep.equal([]);
    expect(validateWorkflow(text('docs/ci/github.yml')).errors).to.deep.equal([]);
    expect(validateAction(text('action.yml').replace('shell: bash', '')).errors).not.to.deep.equal([]);
  });

  it('give the action only inputs that it has', () => {
    const { inputs } = parse(text('action.yml')) as { inputs: object };
    const { jobs } = parse(text('docs/ci/github.yml')) as {
      jobs: Record<string, { steps: { uses?: string; with?: object }[] }>;
    };
    const uses = Object.values(jobs).flatMap(({ steps }) => steps.filter((step) => step.uses?.includes('netifspec')));
    expect(uses).to.have.length(3);
    for (const step of uses) expect(inputs).to.include.all.keys(Object.keys(step.with ?? {}));
  });

  it('have a valid pipeline of GitLab', () => {
    const lint = (template: string) => {
      mkdirSync(join(folder, 'templates'), { recursive: true });
      writeFileSync(join(folder, 'templates/netifspec.yml'), template);
      cpSync(join(packageRoot, 'docs/ci/gitlab-ci.yml'), join(folder, '.gitlab-ci.yml'));
      const git = (...args: string[]) =>
        spawnSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd: folder });
      for (const args of [
        ['init', '-q'],
        ['add', '-A'],
        ['commit', '-qm', 'x'],
      ])
        git(...args);
      // gitlab-ci-local uses a method of Node 22.
      const union = 'Set.prototype.union ??= function (other) { return new Set([...this, ...other]); };';
      const program = module.resolve('gitlab-ci-local/dist/index.js');
      const args = ['--import', `data:text/javascript,${encodeURIComponent(union)}`, program, '--preview'];
      return spawnSync(process.execPath, args, { encoding: 'utf8', cwd: folder });
    };
    const template = text('templates/netifspec.yml');
    const { status, stdout, stderr } = lint(template);
    expect(status, stderr).to.equal(0);
    expect(stderr).to.include('json schema validated');
    expect(stdout).to.match(/LAB_HOST:\s+- labhost-1\s+- labhost-2/);
    // GitLab locks nothing, without a word, if a key has another character.
    for (const [, host] of stdout.matchAll(/^ +- (labhost\S*)$/gm)) expect(host).to.match(/^[\w/ .${}-]+$/);
    const wrong = lint(template.replace('retry: { max: 1, exit_codes: [3] }', 'retry: { most: 1 }'));
    expect(wrong.status, wrong.stdout).not.to.equal(0);
  });

  it('have a Jenkinsfile that can be parsed', async () => {
    const source = text('docs/ci/Jenkinsfile');
    expect(await groovyErrors(source)).to.deep.equal([]);
    expect(await groovyErrors(source.replace("stage('Run') {", "stage('Run') ("))).not.to.deep.equal([]);
  });

  it('have a valid Dockerfile', () => {
    expect(validateDockerfile(text('docs/ci/Dockerfile'))).to.deep.equal([]);
    expect(validateDockerfile(text('docs/ci/Dockerfile').replace('USER node', 'USERS node'))).not.to.deep.equal([]);
  });

  /** Runs a script with an `npx` in place of that of npm, which is a shell script. */
  function runScript(script: string, npx: string, env: Record<string, string> = {}) {
    mkdirSync(join(folder, 'bin'), { recursive: true });
    writeFileSync(join(folder, 'bin/npx'), `#!/bin/bash\n${npx}\n`);
    writeFileSync(join(folder, 'bin/curl'), '#!/bin/bash\nexit 22\n');
    writeFileSync(join(folder, 'bin/npm'), '#!/bin/bash\n');
    for (const tool of ['npx', 'curl', 'npm']) chmodSync(join(folder, 'bin', tool), 0o755);
    const all = { PATH: `${join(folder, 'bin')}:/usr/bin:/bin`, TMPDIR: folder, GITHUB_OUTPUT: 'output', ...env };
    return spawnSync('bash', ['-eo', 'pipefail', '-c', script], { encoding: 'utf8', cwd: folder, env: all });
  }
  const lines = (file: string): string[] => readFileSync(join(folder, file), 'utf8').trimEnd().split('\n');

  describe('run a part', () => {
    const secrets = { SSH_KEY: 'line 1\nline 2', KNOWN_HOSTS: 'labhost ssh-ed25519 AAAA' };
    const action = { ...secrets, TARGET: 'my.yaml', HOST: 'root@labhost', PART: '1', PARTS: '2' };
    const gitlab = {
      LAB_TARGET: 'my.yaml',
      LAB_HOST: 'labhost',
      LAB_USER: 'root',
      CI_NODE_INDEX: '1',
      CI_NODE_TOTAL: '2',
    };
    const files = { LAB_SSH_KEY: '/k', LAB_KNOWN_HOSTS: '/h' };
    const ENGINES = {
      GitHub: [actionScript('Run'), action],
      GitLab: [gitlabScript('netifspec-part'), { ...gitlab, ...files }],
      Jenkins: [jenkinsScript(), { ...action, SSH_KEY: '/k', KNOWN_HOSTS: '/h', SHARD: '1/2' }],
    } as const;
    const options = (call: string): string[] => call.split(' ').filter((word) => word.startsWith('--'));

    for (const [engine, [script, env]] of Object.entries(ENGINES)) {
      it(`with options that the command has, in ${engine}`, () => {
        const last = engine === 'GitHub' ? 'netifspec-last' : 'results.last';
        mkdirSync(join(folder, last));
        writeFileSync(join(folder, last, 'results.jsonl'), '');
        const { status, stderr } = runScript(script, 'echo "$@" >> calls', env);
        expect(status, stderr).to.equal(0);
        const [call = '', ...more] = lines('calls');
        expect(more).to.deep.equal([]);
        expect(call)
          .to.match(/^--no netifspec run --on root@labhost .*--shard 1\/2 /)
          .and.include('--target my.yaml ');
        const { stdout: help } = spawnSync(process.execPath, [MAIN, 'run', '--help'], { encoding: 'utf8' });
        for (const option of options(call).slice(1)) expect(help).to.include(`${option} `);
        expect(call).to.include(`--times ${last}`);
      });
    }

    for (const [codes, calls, status] of [
      ['0', 1, 0],
      ['1', 1, 1],
      ['2', 1, 2],
      ['3 0', 2, 0],
      ['3 1', 2, 1],
      ['3 3', 2, 3],
    ] as const) {
      it(`and retry exit code 3 only, on GitHub: ${codes}`, () => {
        const npx = `echo call >> calls; codes=(${codes}); exit "\${codes[$(wc -l < calls) - 1]}"`;
        expect(runScript(actionScript('Run'), npx, action).status).to.equal(status);
        expect(lines('calls')).to.have.length(calls);
      });
    }

    it("with the runner's own key by default, on GitHub", () => {
      expect(runScript(actionScript('Run'), 'echo "$@"', { ...action, SSH_KEY: '', KNOWN_HOSTS: '' }).stdout).to.equal(
        '--no netifspec run --on root@labhost --target my.yaml --shard 1/2 --out netifspec-parts/1\n',
      );
    });

    it('and retry exit code 3 only, in GitLab', () => {
      const job = (parseAllDocuments(text('templates/netifspec.yml'))[1]?.toJS() as Record<string, object>)[
        'netifspec-part'
      ];
      expect(job).to.deep.include({ retry: { max: 1, exit_codes: [3] } });
      expect(runScript(gitlabScript('netifspec-part'), 'exit 3', { ...gitlab, ...files }).status).to.equal(3);
    });

    it('without times if there are no earlier results, in GitLab', () => {
      const fetch = runScript(gitlabScript('netifspec-last'), '');
      expect([fetch.status, existsSync(join(folder, 'results.last'))]).to.deep.equal([0, false]);
      const { stdout } = runScript(gitlabScript('netifspec-part'), 'echo "$@"', { ...gitlab, ...files });
      expect(stdout).to.include('--shard 1/2').and.not.include('--times');
    });

    it('and remove the key, which only the job can read', () => {
      const npx = 'while [ "$1" != --identity ]; do shift; done; stat --format %a "$2"; cat "$2"; echo "$2" > path';
      const { stdout } = runScript(actionScript('Run'), npx, action);
      expect(stdout).to.equal(`600\n${secrets.SSH_KEY}\n`);
      expect(existsSync(lines('path')[0] ?? '')).to.equal(false);
    });
  });

  describe('report', () => {
    /** Results of the parts of a run, and those of the last good run. */
    const write = (path: string, tests: readonly TestRecord[], shard?: string): void => {
      mkdirSync(join(folder, path), { recursive: true });
      const first = session({ planned: tests.length, ...(shard === undefined ? {} : { shard }) });
      writeFileSync(join(folder, path, 'results.jsonl'), [first, ...tests, end()].map(encodeRecord).join(''));
    };
    const netifspec = `shift 2; exec ${process.execPath} ${MAIN} "$@"`;
    const [one, two] = [test({ id: 'frontend.rings.a' }), test({ id: 'frontend.rings.b' })];
    const ENGINES = {
      GitHub: {
        script: actionScript('Report'),
        parts: 'netifspec-parts/',
        last: 'netifspec-last',
        env: { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: 'summary.md' },
        summary: 'summary.md',
      },
      GitLab: {
        script: gitlabScript('netifspec'),
        parts: 'part-',
        last: 'results.last',
        env: { CI_DEFAULT_BRANCH: 'main', CI_COMMIT_BRANCH: 'feature' },
        summary: 'results/summary.md',
      },
    };

    for (const [engine, { script, parts, last, env, summary }] of Object.entries(ENGINES)) {
      it(`merge and compare the parts, in ${engine}`, () => {
        write(`${parts}1`, [one], '1/2');
        write(`${parts}2`, [two], '2/2');
        const first = runScript(script, netifspec, env);
        expect(first.status, first.stdout + first.stderr).to.equal(0);
        expect(readFileSync(join(folder, summary), 'utf8')).not.to.include('baseline');
        write(last, [one, two]);
        rmSync(join(folder, summary));
        expect(runScript(script, netifspec, env).status).to.equal(0);
        expect(readFileSync(join(folder, summary), 'utf8')).to.include('no difference');
      });

      it(`fail if something is worse, if a test fails, and if a part is missing, in ${engine}`, () => {
        write(last, [one, two]);
        write(`${parts}1`, [one], '1/2');
        write(`${parts}2`, [{ ...two, checks: [] }], '2/2');
        const worse = runScript(script, netifspec, env);
        expect(worse.status, worse.stdout).to.equal(1);
        expect(worse.stdout).to.match(/^FEWER-CHECKS/m);
        write(`${parts}2`, [failure({ id: two.id })], '2/2');
        expect(runScript(script, netifspec, env).status).to.equal(1);
        rmSync(join(folder, `${parts}2`), { recursive: true });
        expect(runScript(script, netifspec, env).status).to.equal(3);
      });
    }
  });
});
