/**
 * Runs the documented commands that need a host, on the lab: unchanged except for the host's name, the target file and
 * a selection of tests or sequences. Needs QEMU, so it runs only on request: NETIFSPEC_LAB_DOCS=1, or =all to include the benches,
 * which take 15 minutes.
 */
import { expect } from 'chai';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandsOf, makeResults, NEEDS_HOST, PAGES, wordsOf } from '../cli/documented.fixture.js';
import { packageRoot } from '../base/root.js';
import { netifspec, onLab } from './command.fixture.js';

const TARGETS = join(packageRoot, 'harness/lab/targets');
const FEW = ['--test', '*.xenbus.con*'];
/** Commands that start a lab of their own. */
const OWN_LAB = /^lab /;
const asked = process.env['NETIFSPEC_LAB_DOCS'];
const BENCH_MS = 30 * 60_000;

(asked === undefined ? describe.skip : describe)('the documentation, on the lab', function () {
  this.timeout(300_000);
  let folder: string;
  let host: string[] | undefined;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'netifspec-lab-docs-'));
    for (const end of ['netfront', 'netback']) {
      cpSync(join(TARGETS, `linux-${end}.yaml`), join(folder, `my-${end}.yaml`));
      cpSync(join(TARGETS, `linux-${end}.expectations.yaml`), join(folder, `linux-${end}.expectations.yaml`));
    }
    makeResults(folder, (...args) => netifspec(args, folder));
    const up = netifspec(['lab', 'up']);
    expect(up.status, up.stderr).to.equal(0);
    host = onLab();
  });
  after(() => {
    // If `lab up` failed, the running lab belongs to another process.
    if (host) netifspec(['lab', 'down']);
    rmSync(folder, { recursive: true });
  });

  /** Commands that the pages show for a lab host itself are run there, too. */
  function there(command: string): string[] {
    // A few sequences, which hold none of Linux's known deviations.
    const words = wordsOf(command.replace(/ --on \S+/, '').replace(/--runs \d+/, '--runs 3 --seed 5'));
    const few = words[0] === 'run' && !words.includes('--test') ? FEW : [];
    return [...words, ...(host ?? []), ...few];
  }

  const shown = PAGES.flatMap((page) => commandsOf(page).map((command) => ({ page, command })));
  const needy = shown.filter(({ command }) => NEEDS_HOST.test(command));
  for (const { page, command } of needy.filter((each) => !OWN_LAB.test(each.command))) {
    it(`${page}: netifspec ${command}`, () => {
      const { status, stdout, stderr } = netifspec(there(command), folder);
      expect(status, stdout + stderr).to.equal(0);
      if (command.startsWith('run')) expect(stdout).to.match(/^ {2}passed +[1-9]/m);
    });
  }

  // Last: these stop the running lab.
  for (const { page, command } of needy.filter((each) => /^lab run/.test(each.command))) {
    it(`${page}: netifspec ${command}`, () => {
      const { status, stdout, stderr } = netifspec([...wordsOf(command), ...FEW], folder);
      // Tests of the attacking drivers may fail.
      expect(status, stdout + stderr).to.be.oneOf(command.includes('rogue') ? [0, 1] : [0]);
      expect(stdout).to.match(/: [1-9]\d* of \d+ tests executed/);
    });
  }

  (asked === 'all' ? describe : describe.skip)('at length', function () {
    this.timeout(BENCH_MS);
    for (const command of ['bench', 'lab bench']) {
      it(`CONTRIBUTING.md: netifspec ${command}`, () => {
        const { status, stdout, stderr } = netifspec([...command.split(' '), '--out', 'bench'], folder, BENCH_MS);
        expect(status, stdout + stderr).to.equal(0);
        process.stdout.write(stdout);
        const figures = JSON.parse(readFileSync(join(folder, 'bench/bench.json'), 'utf8')) as unknown[];
        expect(figures).to.have.length.above(5);
      });
    }
  });
});
