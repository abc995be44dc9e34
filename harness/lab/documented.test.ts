/**
 * The commands of the documentation that need a host, on the lab: each as it stands, but for the host's name, the
 * target file and a few tests instead of all. Takes QEMU, so it runs when it's asked for: NETIFSPEC_LAB_DOCS=1.
 */
import { expect } from 'chai';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandsOf, makeResults, NEEDS_HOST, PAGES, wordsOf } from '../cli/documented.js';
import { packageRoot } from '../root.js';
import { netifspec, onLab } from './command.js';

const TARGETS = join(packageRoot, 'harness/lab/targets');
const FEW = ['--test', '*.xenbus.con*'];
/** What brings up a lab of its own: its run is CI's, its bench takes long. */
const ELSEWHERE = /^lab /;

(process.env['NETIFSPEC_LAB_DOCS'] === '1' ? describe : describe.skip)('the documentation, on the lab', function () {
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

  for (const page of PAGES) {
    for (const command of commandsOf(page).filter((each) => NEEDS_HOST.test(each) && !ELSEWHERE.test(each))) {
      it(`${page}: netifspec ${command}`, () => {
        const { status, stdout, stderr } = netifspec(there(command), folder);
        expect(status, stdout + stderr).to.equal(0);
        if (command.startsWith('run')) expect(stdout).to.match(/^ {2}passed +[1-9]/m);
      });
    }
  }
});
