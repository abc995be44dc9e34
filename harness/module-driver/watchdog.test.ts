import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { Watchdog } from './watchdog.js';

const LIMITS = { hangMs: 300, stuckMs: 600, startMs: 60_000 };

/** The report of a watchdog on a child that runs `code`, driven by `act`; or that there was none in time. */
async function said(code: string, act: (child: number, dog: Watchdog) => Promise<void>, change = {}): Promise<string> {
  const child = spawn(process.execPath, ['-e', code], { stdio: 'ignore' });
  const pid = child.pid ?? 0;
  let dog: Watchdog | undefined;
  try {
    return await new Promise<string>((resolve) => {
      const late = (): void => resolve('late');
      dog = new Watchdog(pid, { ...LIMITS, ...change, onHang: resolve, onLate: late });
      void act(pid, dog).then(() => resolve('nothing'));
    });
  } finally {
    dog?.close();
    child.kill('SIGKILL');
  }
}

const BUSY = 'for (;;);';
const ASLEEP = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)';

describe('a watchdog', function () {
  this.timeout(60_000);

  it('detects a child that uses the processor without a message', async () => {
    const why = await said(BUSY, async (_, dog) => (dog.messageReceived(), delay(50_000)));
    expect(why).to.equal('the driver hangs: it used the processor for 300 ms without returning');
  });

  it('detects a child that blocks its thread', async () => {
    const why = await said(ASLEEP, async (_, dog) => (dog.messageReceived(), delay(50_000)));
    expect(why).to.equal('the driver hangs: it blocked its thread for 300 ms');
  });

  it('detects a child that sends messages but makes no progress', async () => {
    const why = await said(ASLEEP, async (_, dog) => {
      for (let n = 0; n < 1000; n++) {
        dog.messageReceived();
        await delay(50);
      }
    });
    expect(why).to.equal('the driver makes no progress: no test began or ended for 600 ms');
  });

  it('does not report a stopped child', async () => {
    const why = await said(BUSY, async (child, dog) => {
      process.kill(child, 'SIGSTOP');
      dog.messageReceived();
      await delay(1500);
    });
    expect(why).to.equal('nothing');
  });

  it('does not count time during which this process was stopped', async () => {
    const why = await said(BUSY, async (_, dog) => {
      dog.messageReceived();
      for (let n = 0; n < 3; n++) {
        const end = performance.now() + 500;
        while (performance.now() < end);
        await delay(0);
        dog.messageReceived();
      }
    });
    expect(why).to.equal('nothing');
  });

  it('waits for the first message, up to a limit', async () => {
    expect(await said(BUSY, () => delay(1000))).to.equal('nothing');
    expect(await said(BUSY, () => delay(50_000), { startMs: 300 })).to.equal('late');
  });
});
