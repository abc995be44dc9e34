import { expect } from 'chai';
import type { Clock } from './domain.js';
import { all, Expired, Patience } from './wait.js';

/** A clock whose timers are late by the milliseconds that `late` returns, as on a busy machine. */
function slowClock(late: (timer: number) => number): Clock {
  let now = 0;
  let timers = 0;
  return {
    now: () => now,
    after(ms, callback) {
      const due = now + ms + late(timers++);
      let cancelled = false;
      queueMicrotask(() => {
        if (cancelled) return;
        now = Math.max(now, due);
        callback();
      });
      return () => (cancelled = true);
    },
    hold: () => () => undefined,
  };
}

async function expiredBy(clock: Clock): Promise<Expired> {
  const error: unknown = await new Patience(clock).until('answer', () => false, { ms: 1000 }).catch((e: unknown) => e);
  if (error instanceof Expired) return error;
  throw error;
}

describe('patience', () => {
  it('is conclusive if timers are late by less than the interval between two probes', async () => {
    const expired = await expiredBy(slowClock(() => Patience.pollMs));
    expect(expired).to.include({ message: 'no answer within 1000 ms', lateMs: 0, inconclusive: false });
  });

  it('is not conclusive if timers are late by half of the deadline in total', async () => {
    expect(await expiredBy(slowClock(() => 4 * Patience.pollMs))).to.include({ inconclusive: true });
  });

  it('is not conclusive if a timer is late by a quarter of the deadline', async () => {
    const expired = await expiredBy(slowClock((timer) => (timer % 50 === 3 ? 260 : 0)));
    expect(expired.lateMs).to.be.below(500);
    expect(expired).to.include({ inconclusive: true });
  });

  it('begins again after a time that is not conclusive', async () => {
    const clock = slowClock((timer) => (timer === 3 ? 260 : 0));
    expect(await expiredBy(clock)).to.include({ inconclusive: false });
    expect(clock.now()).to.be.at.least(2000);
  });
});

describe('all', () => {
  it('waits for the other promises if one rejects, and then rejects with its error', async () => {
    let ended = false;
    const slow = new Promise<void>((resolve) => setImmediate(() => resolve(void (ended = true))));
    const failure = await all([slow, Promise.reject(new Error('broken'))]).catch((error: unknown) => error);
    expect(failure).to.be.an('error').with.property('message', 'broken');
    expect(ended).to.equal(true);
  });
});
