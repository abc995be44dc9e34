import { expect } from 'chai';
import type { Clock } from './domain.js';
import { all, Expired, Patience } from './wait.js';

/** A clock whose timers are late by as many milliseconds as `late` says of each, as those of a busy machine are. */
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
  it('has proof where timers are late by less than the time between two looks', async () => {
    const expired = await expiredBy(slowClock(() => Patience.pollMs));
    expect(expired).to.include({ message: 'no answer within 1000 ms', lateMs: 0, proofless: false });
  });

  it('has none where timers are late for half of the deadline in all', async () => {
    expect(await expiredBy(slowClock(() => 4 * Patience.pollMs))).to.include({ proofless: true });
  });

  it('has none where one timer is late for a quarter of the deadline', async () => {
    const expired = await expiredBy(slowClock((timer) => (timer === 3 ? 260 : 0)));
    expect(expired.lateMs).to.be.below(500);
    expect(expired).to.include({ proofless: true });
  });
});

describe('all', () => {
  it('waits for the others where one fails, and then fails with it', async () => {
    let ended = false;
    const slow = new Promise<void>((resolve) => setImmediate(() => resolve(void (ended = true))));
    const failure = await all([slow, Promise.reject(new Error('broken'))]).catch((error: unknown) => error);
    expect(failure).to.be.an('error').with.property('message', 'broken');
    expect(ended).to.equal(true);
  });
});
