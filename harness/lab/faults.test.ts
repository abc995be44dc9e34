/**
 * Faults of a lab host during a run on real Xen: the affected tests end in errors and never blame the driver, except if
 * only the guest is lost. Needs QEMU and takes minutes, so it runs only on request: NETIFSPEC_LAB_FAULTS=1.
 */
import { expect } from 'chai';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MAIN, packageRoot } from '../base/root.js';
import { labNow, netifspec, onLab } from './command.fixture.js';
import { type ResultRecord, testMessage, type TestRecord } from '../run/record.js';

/** Tests that xen-netback passes, so that any other verdict is caused by the fault. */
const TESTS = 'backend.transmit.*';
/** Number of tests that have ended when the fault occurs. */
const BEFORE = 5;
const STILL_S = 10;
/** How often a run is killed; increase it for a soak test. */
const KILLS = Number(process.env['NETIFSPEC_KILLS'] ?? '2');
/**
 * Each kill comes after a random number of passes, at most this many; before the first pass the harness may not be
 * running.
 */
const MOST_BEFORE = 10;
const CLEARED = /removed a vif of an earlier run/;
const TARGET = join(packageRoot, 'harness/lab/targets/linux-netback.yaml');
/** The harness's process, but not the shell that looks for it. */
const HARNESS = "-f '[r]un --target'";

interface Fault {
  readonly name: string;
  /** Shell commands in the lab's dom0, or an action on QEMU's process. */
  readonly strike: string | ((qemu: number) => Promise<void>);
  /** Whether the tests after the fault pass: the affected part is back. */
  readonly goesOn: boolean;
  /** Whether the fault looks like a driver that crashes its guest: one test then fails. */
  readonly isCrash?: boolean;
  /** Expected exit codes: 0 if the fault may not have affected any test. */
  readonly exit: readonly number[];
}

const pass = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

const FAULTS: readonly Fault[] = [
  { name: 'its guest is destroyed', strike: 'xl destroy netback', goesOn: true, isCrash: true, exit: [1] },
  { name: 'the guest ends SSH', strike: 'ssh root@10.99.0.3 "pkill sshd"', goesOn: false, exit: [3] },
  {
    name: 'xenstored stands still',
    strike: `pkill -STOP xenstored; sleep ${STILL_S}; pkill -CONT xenstored`,
    goesOn: true,
    exit: [0, 3],
  },
  { name: 'xenstored dies', strike: 'pkill -KILL xenstored', goesOn: false, exit: [3] },
  {
    name: 'the disk is full',
    strike: 'dd if=/dev/zero of=/root/.cache/netifspec/fill bs=1M; true',
    goesOn: true,
    exit: [0, 3],
  },
  {
    name: 'the harness stands still',
    strike: `pkill -STOP ${HARNESS}; sleep ${STILL_S}; pkill -CONT ${HARNESS}`,
    goesOn: true,
    exit: [0, 3],
  },
  { name: 'the harness is killed', strike: `pkill -KILL ${HARNESS}`, goesOn: false, exit: [3] },
  {
    name: 'the whole host stands still',
    async strike(qemu) {
      process.kill(qemu, 'SIGSTOP');
      await pass(STILL_S);
      process.kill(qemu, 'SIGCONT');
    },
    goesOn: true,
    exit: [0, 3],
  },
  {
    name: 'the host is gone',
    strike: (qemu) => Promise.resolve(void process.kill(qemu, 'SIGKILL')),
    goesOn: false,
    exit: [3],
  },
];

async function hit({ strike }: Fault): Promise<void> {
  if (typeof strike === 'string') {
    netifspec(['lab', 'ssh', 'dom0', strike]);
  } else {
    const { pid } = labNow();
    if (pid === undefined) throw new Error('the lab has no process');
    await strike(pid);
  }
}

/** Runs a command that tests, and strikes when `passes` tests have passed. */
async function run(
  args: readonly string[],
  passes: number,
  strike: () => Promise<void>,
): Promise<{ code: number | null; output: string }> {
  const child: ChildProcess = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let struck: Promise<void> | undefined;
  const take = (chunk: Buffer): void => {
    output += chunk.toString();
    if (struck === undefined && (output.match(/^PASS /gm)?.length ?? 0) >= passes) struck = strike();
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  await struck;
  return { code, output };
}

(process.env['NETIFSPEC_LAB_FAULTS'] === '1' ? describe : describe.skip)('a run on the lab', function () {
  this.timeout(300_000 + KILLS * 30_000);
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'netifspec-faults-'))));
  after(() => rmSync(folder, { recursive: true }));

  for (const [n, fault] of FAULTS.entries()) {
    it(`blames ${fault.isCrash ? 'the' : 'no'} driver when ${fault.name}${fault.goesOn ? ', and continues' : ''}`, async () => {
      const out = join(folder, String(n));
      const args = ['lab', 'run', '--target', 'linux-netback', '--test', TESTS, '--verbose', '--out', out];
      const { code, output } = await run(args, BEFORE, () => hit(fault));
      const lines = readFileSync(join(out, 'linux-netback/results.jsonl'), 'utf8').trim().split('\n');
      const records = lines.map((line) => JSON.parse(line) as ResultRecord);
      const tests = records.filter((record): record is TestRecord => record.type === 'test');
      const blamed = tests.filter(({ verdict }) => verdict === 'fail' || verdict === 'warn');
      expect(
        blamed
          .filter((test) => !fault.isCrash || test.class !== 'guest-crash')
          .map((test) => `${test.id}: ${testMessage(test)}`),
        output,
      ).to.deep.equal([]);
      expect(code, output).to.be.oneOf(fault.exit);
      expect(tests.filter(({ verdict }) => verdict === 'pass').length, output).to.be.at.least(BEFORE);
      if (fault.goesOn) expect(tests.at(-1)?.verdict, output).to.equal('pass');
    });
  }

  it(`starts clean after each of ${KILLS} kills, and reports what it cleared`, async () => {
    expect(netifspec(['lab', 'up']).status).to.equal(0);
    try {
      const args = [
        ...['run', ...onLab()],
        ...['--target', TARGET, '--test', TESTS, '--verbose', '--out', join(folder, 'killed')],
      ];
      let cleared = 0;
      for (let n = 0; n < KILLS; n++) {
        const { code, output } = await run(args, 1 + Math.floor(Math.random() * MOST_BEFORE), async () => {
          await pass(Math.random() / 2);
          netifspec(['lab', 'ssh', 'dom0', `pkill -KILL ${HARNESS}`]);
        });
        expect(code, output).to.equal(3);
        if (CLEARED.test(output)) cleared++;
      }
      const last = await run(args, Infinity, () => Promise.resolve());
      expect(last.code, last.output).to.equal(0);
      expect(cleared + Number(CLEARED.test(last.output))).to.be.at.least(KILLS);
    } finally {
      netifspec(['lab', 'down']);
    }
  });
});
