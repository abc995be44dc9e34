/**
 * What befalls a lab host in the middle of a run on real Xen: errors for what it hit, and never a driver's failure.
 * Takes minutes and QEMU, so it runs when it's asked for: NETIFSPEC_LAB_FAULTS=1.
 */
import { expect } from 'chai';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../root.js';
import { labNow, MAIN, netifspec, onLab } from './command.js';
import type { ResultRecord, TestRecord } from '../run/record.js';

/** Tests that xen-netback passes, so that every other verdict is of the fault's making. */
const TESTS = 'backend.transmit.*';
/** The fault comes when so many of them have ended. */
const BEFORE = 5;
const STILL_S = 10;
/** How often a run is killed; a soak sets it higher. */
const KILLS = Number(process.env['NETIFSPEC_KILLS'] ?? '2');
/** Each after as many passes at most, at random; before the first the harness may not be there yet. */
const MOST_BEFORE = 10;
const CLEARED = /cleared what an earlier run left behind/;
const TARGET = join(packageRoot, 'harness/lab/targets/linux-netback.yaml');
/** The harness's process, but not the shell that looks for it. */
const HARNESS = "-f '[r]un --target'";

interface Fault {
  readonly name: string;
  /** Shell commands in the lab's dom0, or what is done to QEMU's process. */
  readonly strike: string | ((qemu: number) => Promise<void>);
  /** Whether the tests behind it still pass: what was hit is there again. */
  readonly goesOn: boolean;
  /** Exit codes that are right: 0 where the fault may have hit nothing that waited. */
  readonly exit: readonly number[];
}

const pass = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

const FAULTS: readonly Fault[] = [
  { name: 'its guest is destroyed', strike: 'xl destroy netback', goesOn: true, exit: [3] },
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
    it(`blames no driver when ${fault.name}${fault.goesOn ? ', and goes on' : ''}`, async () => {
      const out = join(folder, String(n));
      const args = ['lab', 'run', '--target', 'linux-netback', '--test', TESTS, '--verbose', '--out', out];
      const { code, output } = await run(args, BEFORE, () => hit(fault));
      const lines = readFileSync(join(out, 'linux-netback/results.jsonl'), 'utf8').trim().split('\n');
      const records = lines.map((line) => JSON.parse(line) as ResultRecord);
      const tests = records.filter((record): record is TestRecord => record.type === 'test');
      const blamed = tests.filter(({ verdict }) => verdict === 'fail' || verdict === 'warn');
      expect(
        blamed.map(({ id, message }) => `${id}: ${message}`),
        output,
      ).to.deep.equal([]);
      expect(code, output).to.be.oneOf(fault.exit);
      expect(tests.filter(({ verdict }) => verdict === 'pass').length, output).to.be.at.least(BEFORE);
      if (fault.goesOn) expect(tests.at(-1)?.verdict, output).to.equal('pass');
    });
  }

  it(`starts clean after each of ${KILLS} kills, and says what it cleared`, async () => {
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
