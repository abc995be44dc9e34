import { expect } from 'chai';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UsageError } from '../base/errors.js';
import { processStat, readProc } from '../base/process.js';
import { type ResultRecord, testMessage, type TestRecord } from '../run/record.js';
import { recordsOfFile } from './watched.fixture.js';

const fileOf = (sample: string): string => new URL(`./samples/${sample}.js`, import.meta.url).pathname;

function records(sample: string, ...ids: string[]): Promise<ResultRecord[]> {
  return recordsOfFile(isAbsolute(sample) ? sample : fileOf(sample), 'backend', ids);
}

const CONNECT = 'backend.xenbus.connect';
const SLOTS = 'backend.transmit.slots-2';
const PING = 'backend.xenbus.passes-traffic';

/** Verdict and message of a test. */
function verdict(all: readonly ResultRecord[], id: string): string {
  const found = all.find((record): record is TestRecord => record.type === 'test' && record.id === id);
  return found ? `${found.verdict} ${testMessage(found) ?? ''}`.trim() : 'not run';
}

/** The process in which `parent` runs a driver, once it has started. */
async function childOf(parent: number): Promise<number> {
  for (;;) {
    const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
    const child = pids.find(
      (pid) => processStat(pid)?.[1] === String(parent) && readProc(pid, 'cmdline')?.includes('module-driver/child'),
    );
    if (child !== undefined) return child;
    await delay(5);
  }
}

describe('a third-party driver', function () {
  this.timeout(120_000);

  it('passes if it is correct', async () => {
    const all = await records('good', PING, SLOTS);
    const own = all.filter((record) => record.type !== 'test' || record.chapter !== 'monitor');
    expect(own.map(({ type }) => type)).to.deep.equal(['session', 'test', 'test', 'test', 'end']);
    for (const id of [CONNECT, PING, SLOTS]) expect(verdict(all, id)).to.equal('pass');
    expect(all.find(({ type }) => type === 'test'))
      .to.have.property('location')
      .that.matches(/^suites\/.*\.ts:\d+$/);
    // They were requested for every test.
    expect(all.filter((record) => record.type === 'test' && record.trace)).to.have.length(3);
  });

  it('fails if it is faulty', async () => {
    expect(verdict(await records('bad', PING), PING)).to.match(/^fail /);
  });

  it('fails the test in which it hangs, by name, and no other', async () => {
    const all = await records('hanging', PING, SLOTS, 'backend.transmit.crosses-page');
    expect(verdict(all, SLOTS)).to.equal('fail the driver hangs: it used the processor for 1000 ms without returning');
    for (const id of [CONNECT, PING]) expect(verdict(all, id)).to.equal('pass');
    expect(all.filter(({ type }) => type === 'session')).to.have.length(1);
    expect(all.at(-1)).to.include({ type: 'end', complete: true });
  });

  it('fails the test in which it throws', async () => {
    const all = await records('throwing', SLOTS, PING);
    expect(verdict(all, SLOTS)).to.equal('fail the driver threw: Error: cannot handle this packet');
    expect(verdict(all, PING)).to.equal('pass');
  });

  it('is a usage error if the module is not a driver', async () => {
    const error: unknown = await records('no-driver', PING).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(UsageError);
    expect((error as Error).message).to.match(/no-driver\.js is not a driver: its default export is not a function$/);
  });

  for (const [what, name, text, message] of [
    [
      'if the process ends while the module is loaded',
      'exits.mjs',
      'process.exit(3);',
      /exits\.mjs is not a driver: before it was loaded, the driver ended its process$/,
    ],
    [
      'with a reason if the module cannot be loaded',
      'half.mjs',
      'export default (',
      /half\.mjs is not a driver: it can't be loaded: SyntaxError: .*node --check/,
    ],
  ] as const) {
    it(`is a usage error ${what}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'netifspec-driver-'));
      const module = join(folder, name);
      writeFileSync(module, text);
      const error: unknown = await records(module, PING).catch((reason: unknown) => reason);
      rmSync(folder, { recursive: true });
      expect(error).to.be.instanceOf(UsageError);
      expect((error as Error).message).to.match(message);
    });
  }

  it('loses no record while this process is too busy to read them', async () => {
    let isBusy = false;
    const all = await recordsOfFile(fileOf('good'), 'backend', ['backend.transmit.*'], ({ type }) => {
      if (type !== 'test' || isBusy) return;
      isBusy = true;
      // Long enough for the driver's process to end; its records do not fit into a pipe.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000);
    });
    expect(all.at(-1)).to.include({ type: 'end', complete: true });
  });

  it('is not charged for the time during which its process is stopped', async () => {
    const running = records('good', PING, SLOTS);
    const child = await childOf(process.pid);
    for (let n = 0; n < 3; n++) {
      process.kill(child, 'SIGSTOP');
      await delay(1500);
      process.kill(child, 'SIGCONT');
      await delay(100);
    }
    const all = await running;
    for (const id of [CONNECT, PING, SLOTS]) expect(verdict(all, id)).to.equal('pass');
  });
});
