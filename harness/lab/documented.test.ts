/**
 * The commands of the documentation that need a host, on the lab: each as it stands, but for the host's name, the
 * target file and a few tests instead of all. Takes QEMU, so it runs when it's asked for: NETIFSPEC_LAB_DOCS=1.
 */
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandsOf, NEEDS_HOST, PAGES, RESULTS, wordsOf } from '../cli/documented.js';
import { packageRoot } from '../root.js';

const MAIN = join(packageRoot, 'dist/harness/cli/main.js');
const TARGETS = join(packageRoot, 'harness/lab/targets');
const FEW = ['--test', '*.xenbus.con*'];
/** What brings up a lab of its own: its run is CI's, its bench takes long. */
const ELSEWHERE = /^lab /;

(process.env['NETIFSPEC_LAB_DOCS'] === '1' ? describe : describe.skip)('the documentation, on the lab', function () {
  this.timeout(300_000);
  let folder: string;
  let host: string;
  let keys: readonly string[];

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'netifspec-lab-docs-'));
    for (const end of ['netfront', 'netback']) {
      cpSync(join(TARGETS, `linux-${end}.yaml`), join(folder, `my-${end}.yaml`));
      cpSync(join(TARGETS, `linux-${end}.expectations.yaml`), join(folder, `linux-${end}.expectations.yaml`));
    }
    netifspec('run', '--test', 'frontend.xenbus.connect', '--out', 'results');
    for (const other of RESULTS.slice(1)) cpSync(join(folder, 'results'), join(folder, other), { recursive: true });
    const up = netifspec('lab', 'up');
    expect(up.status, up.stderr).to.equal(0);
    const { handle } = JSON.parse(netifspec('lab', 'status').stdout) as {
      handle: { ssh: { host: string; port: number; identity: string; knownHosts: string } };
    };
    host = `root@${handle.ssh.host}:${handle.ssh.port}`;
    keys = ['--identity', handle.ssh.identity, '--known-hosts', handle.ssh.knownHosts];
  });
  after(() => {
    netifspec('lab', 'down');
    rmSync(folder, { recursive: true });
  });

  function netifspec(...args: string[]) {
    return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', cwd: folder });
  }

  /** What is said to be done on a lab host itself is done there, too. */
  function onLab(command: string): string[] {
    const words = wordsOf(command.replace(/ --on \S+/, ''));
    const few = words[0] === 'run' && !words.includes('--test') ? FEW : [];
    return [...words, '--on', host, ...keys, ...few];
  }

  for (const page of PAGES) {
    for (const command of commandsOf(page).filter((each) => NEEDS_HOST.test(each) && !ELSEWHERE.test(each))) {
      it(`${page}: netifspec ${command}`, () => {
        const { status, stdout, stderr } = netifspec(...onLab(command));
        expect(status, stdout + stderr).to.equal(0);
        if (command.startsWith('run')) expect(stdout).to.match(/^ {2}passed +[1-9]/m);
      });
    }
  }
});
