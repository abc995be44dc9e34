/**
 * The commands of the documentation that need a host, on the lab: each as it stands, but for the host's name, the
 * target file and a few tests instead of all. Takes QEMU, so it runs when it's asked for: NETIFSPEC_LAB_DOCS=1, or =all
 * for the benches too, which take a quarter of an hour.
 */
import { expect } from 'chai';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandsOf, makeResults, NEEDS_HOST, PAGES, wordsOf } from '../cli/documented.js';
import { packageRoot } from '../root.js';
import { netifspec, onLab } from './command.js';

const TARGETS = join(packageRoot, 'harness/lab/targets');
const FEW = ['--test', '*.xenbus.con*'];
/** What brings up a lab of its own. */
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
    // One that was refused to us is somebody else's.
    if (host) netifspec(['lab', 'down']);
    rmSync(folder, { recursive: true });
  });

  /** What is said to be done on a lab host itself is done there, too. */
  function there(command: string): string[] {
    const words = wordsOf(command.replace(/ --on \S+/, ''));
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

  // After those: they end the lab that is up.
  for (const { page, command } of needy.filter((each) => /^lab run/.test(each.command))) {
    it(`${page}: netifspec ${command}`, () => {
      const { status, stdout, stderr } = netifspec([...wordsOf(command), ...FEW], folder);
      // Drivers that attack may be failed.
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
