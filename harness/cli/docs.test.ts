/** Every command in the shell blocks of the documentation works. */
import { expect } from 'chai';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { countsLine } from '../dev/counts.js';
import { SAMPLE_PAGES, sampleRecords, sampleText } from '../dev/failure-sample.js';
import { SUITES } from '../../suites/index.js';
import { MAIN, packageRoot } from '../base/root.js';
import { loadExpectations } from '../run/expectations.js';
import { commandsOf, makeResults, NEEDS_HOST, PAGES, wordsOf } from './documented.fixture.js';

/** Commands that have a test of their own, which takes a minute. */
const ELSEWHERE = /^validate\b/;

describe('the documentation', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'netifspec-docs-'));
    const sample = join(packageRoot, 'dist/harness/module-driver/samples/good.js');
    mkdirSync(join(folder, 'bin'));
    for (const tool of ['tar', 'gzip', 'mkfifo']) symlinkSync(join('/bin', tool), join(folder, 'bin', tool));
    writeFileSync(join(folder, 'my-driver.js'), `export { default } from ${JSON.stringify(sample)};\n`);
    const example = ['netfront.c', 'netifspec.c'].map((file) => join(packageRoot, 'docs/examples', file));
    execFileSync('cc', ['-o', join(folder, 'netfront'), ...example]);
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
    makeResults(folder, netifspec);
    netifspec('init', 'my-netfront.yaml', '--role', 'frontend');
    netifspec('init', 'my-netback.yaml', '--role', 'backend');
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Runs netifspec with only a few tools in PATH, so that it boots no lab and connects to no host. */
  function netifspec(...args: string[]) {
    const env = { PATH: join(folder, 'bin'), HOME: folder, NETIFSPEC_LAB: join(folder, 'lab') };
    return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', cwd: folder, env });
  }

  for (const page of PAGES) {
    const commands = commandsOf(page).filter((command) => !ELSEWHERE.test(command));
    for (const command of commands) {
      it(`${page}: netifspec ${command}`, () => {
        const words = wordsOf(command.replace('--seeds 1000', '--seeds 2'));
        if (words[0] === 'init') rmSync(join(folder, words[1] ?? ''), { force: true });
        const { status, stdout, stderr } = netifspec(...words);
        // A command that needs a host must fail because the host is missing; the lab's own tests run it with a host.
        expect(status, stdout + stderr).to.equal(NEEDS_HOST.test(command) ? 3 : 0);
        expect(stderr).not.to.match(/^ {4}at /m);
      });
    }
  }

  it('names only existing commands, options and scripts', () => {
    const spans = PAGES.flatMap((page) => [
      ...readFileSync(join(packageRoot, page), 'utf8').matchAll(/`(?:npx )?(netifspec|npm) ([^`\n]+)`|^(npm) (.*)$/gm),
    ]);
    const { scripts } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { scripts: object };
    for (const [whole, tool, inline, npm, line] of spans) {
      if (npm ?? tool === 'npm') {
        for (const [, script = ''] of (inline ?? line ?? '').matchAll(/(?:^|npm )run ([\w:-]+)/g)) {
          expect(scripts, whole).to.have.property(script);
        }
        continue;
      }
      const words = (inline ?? '').split(' ');
      const command = words.slice(0, words[0] === 'lab' || words[0] === 'report' ? 2 : 1);
      const { status, stdout } = netifspec(...command, '--help');
      expect(status, whole).to.equal(0);
      for (const option of words.filter((word) => word.startsWith('--')))
        expect(stdout, whole).to.contain(`${option} `);
    }
    expect(spans).to.have.length.above(15);
  });

  it('shows the recipes for CI engines that are in docs/ci', () => {
    const page = readFileSync(join(packageRoot, 'docs/running-a-fleet.md'), 'utf8');
    const shown = [...page.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, yaml = '']) => yaml);
    expect(shown).to.deep.equal(
      ['github.yml', 'gitlab-ci.yml'].map((file) => readFileSync(join(packageRoot, 'docs/ci', file), 'utf8')),
    );
  });

  it('shows an expectation that a run accepts', () => {
    const page = readFileSync(join(packageRoot, 'docs/reading-a-report.md'), 'utf8');
    const [, entry = ''] = /^```yaml\n(- test: [^]*?)^```$/m.exec(page) ?? [];
    writeFileSync(join(folder, 'entry.yaml'), entry);
    const [shown, ...more] = loadExpectations(join(folder, 'entry.yaml'));
    expect(shown).to.include({ verdict: 'fail', expires: '2027-06-30', intermittent: true });
    expect(SUITES.map(({ id }) => id)).to.include(shown?.test);
    expect(more).to.deep.equal([]);
  });

  it('shows a failure as a run reports it (npm run docs)', async () => {
    const records = await sampleRecords();
    for (const [page, options] of Object.entries(SAMPLE_PAGES)) {
      const text = readFileSync(join(packageRoot, page), 'utf8');
      expect(text, page).to.contain(`\`\`\`\n${sampleText(records, options)}\`\`\``);
    }
  });

  it('has the current counts (npm run docs)', () => {
    expect(readFileSync(join(packageRoot, 'README.md'), 'utf8')).to.contain(`\n${countsLine()}\n`);
  });

  it('names only existing tests of netifspec itself', () => {
    const page = readFileSync(join(packageRoot, 'CONTRIBUTING.md'), 'utf8');
    const named = [...page.matchAll(/npx mocha -g "(.*)"/g)].map(([, title = '']) => title);
    expect(named).to.have.length.above(3);
    const listed = spawnSync(process.execPath, ['node_modules/mocha/bin/mocha.js', '--dry-run'], {
      encoding: 'utf8',
      cwd: packageRoot,
    }).stdout;
    for (const title of named) expect(listed).to.contain(title);
  });

  it('lists every environment variable of netifspec', () => {
    const table = readFileSync(join(packageRoot, 'docs/debugging.md'), 'utf8');
    const sources = ['harness', 'native', 'reports', 'suites'].flatMap((folder) =>
      readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(ts|mjs)$/.test(name))
        .map((name) => readFileSync(join(packageRoot, folder, name), 'utf8')),
    );
    const variables = new Set(sources.flatMap((text) => text.match(/\bNETIFSPEC_[A-Z]+(_[A-Z]+)*\b/g) ?? []));
    expect(variables.size).to.be.above(5);
    for (const variable of variables) expect(table).to.contain(`| \`${variable}\` `);
  });

  it('has no broken links', () => {
    const broken = PAGES.flatMap((page) =>
      [...readFileSync(join(packageRoot, page), 'utf8').matchAll(/\]\(([^)#:]+)\)/g)]
        .map(([, link = '']) => join(packageRoot, dirname(page), link))
        .filter((file) => !existsSync(file)),
    );
    expect(broken).to.deep.equal([]);
  });

  it('names only existing files and folders of the tree', () => {
    const named = /`((?:harness|suites|native|reports|docs)\/[\w./-]*)`/g;
    const missing = PAGES.flatMap((page) =>
      [...readFileSync(join(packageRoot, page), 'utf8').matchAll(named)]
        .map(([, path = '']) => path)
        .filter((path) => !existsSync(join(packageRoot, path))),
    );
    expect(missing).to.deep.equal([]);
  });
});
