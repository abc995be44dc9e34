import { expect } from 'chai';

import { Random } from './random.js';
import { Scheduler } from './scheduler.js';

/** The order in which twenty deliveries on twenty lanes run. */
async function order(seed: number): Promise<number[]> {
  const scheduler = new Scheduler(seed);
  const ran: number[] = [];
  for (let i = 0; i < 20; i++) scheduler.lane().push(() => ran.push(i));
  await new Promise<void>((resolve) => scheduler.after(1, resolve));
  return ran;
}

describe('simulated/scheduler', () => {
  it('repeats the order of a seed; other seeds give other orders', async () => {
    const first = await order(1);
    expect(first.toSorted((x, y) => x - y)).to.deep.equal([...first.keys()]);
    expect(await order(1)).to.deep.equal(first);
    const orders = new Set<string>();
    for (let seed = 0; seed < 50; seed++) orders.add((await order(seed)).join());
    expect(orders.size).to.equal(50);
  });

  it('draws every number below the limit about equally often', () => {
    const random = new Random(7);
    const counts = [0, 0, 0, 0, 0];
    for (let i = 0; i < 5000; i++) counts[random.below(5)]!++;
    for (const count of counts) expect(count).to.be.within(850, 1150);
  });

  it('keeps the order within a lane, and lets lanes overtake each other', async () => {
    const scheduler = new Scheduler(3);
    const lanes = ['x', 'y'].map((name) => ({ name, lane: scheduler.lane() }));
    const ran: string[] = [];
    for (let i = 0; i < 10; i++) for (const { name, lane } of lanes) lane.push(() => ran.push(`${name}${i}`));
    await new Promise<void>((resolve) => scheduler.after(1, resolve));
    for (const { name } of lanes)
      expect(ran.filter((word) => word.startsWith(name))).to.deep.equal(
        [...Array(10).keys()].map((i) => `${name}${i}`),
      );
    expect(ran.map((word) => word[0]).join('')).not.to.equal('xy'.repeat(10));
  });

  it('lets promises that a delivery resolved settle before the next delivery', async () => {
    const scheduler = new Scheduler(1);
    const ran: string[] = [];
    for (const name of ['x', 'y'])
      scheduler.lane().push(() => {
        ran.push(`${name} begins`);
        void (async () => {
          for (let i = 0; i < 20; i++) await Promise.resolve();
          ran.push(`${name} ends`);
        })();
      });
    await new Promise<void>((resolve) => scheduler.after(1, resolve));
    expect([ran[0]![0], ran[2]![0]]).to.have.members(['x', 'y']);
    expect([ran[1], ran[3]]).to.deep.equal([`${ran[0]![0]} ends`, `${ran[2]![0]} ends`]);
  });

  it('skips an hour at once, but only when nothing is left to deliver', async () => {
    const scheduler = new Scheduler(1);
    const began = performance.now();
    let delivered = 0;
    const lane = scheduler.lane();
    const again = (): void => {
      if (++delivered < 1000) lane.push(again);
    };
    lane.push(again);
    await new Promise<void>((resolve) => scheduler.after(3_600_000, resolve));
    expect(delivered).to.equal(1000);
    expect(scheduler.now()).to.equal(3_600_000);
    expect(performance.now() - began).to.be.below(1000);
  });

  it('lets code that waits for a turn of the event loop run before time advances', async () => {
    const scheduler = new Scheduler(1);
    const ran: string[] = [];
    scheduler.after(1000, () => ran.push('timer'));
    setImmediate(() => scheduler.lane().push(() => ran.push('delivery')));
    await new Promise<void>((resolve) => scheduler.after(2000, resolve));
    expect(ran).to.deep.equal(['delivery', 'timer']);
  });

  it('stops time while a hold is open, and continues deliveries', async () => {
    const scheduler = new Scheduler(1);
    const ran: string[] = [];
    const release = scheduler.hold();
    const releaseToo = scheduler.hold();
    const timer = new Promise<void>((resolve) =>
      scheduler.after(10, () => {
        ran.push('timer');
        resolve();
      }),
    );
    release();
    release();
    await new Promise((resolve) => setTimeout(resolve, 20));
    scheduler.lane().push(() => ran.push('delivery'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(ran).to.deep.equal(['delivery']);
    releaseToo();
    await timer;
    expect(ran).to.deep.equal(['delivery', 'timer']);
  });

  it('fires no timer early, whether a hold is opened late or has many deliveries', async () => {
    const scheduler = new Scheduler(1);
    let called = false;
    const timer = new Promise<void>((resolve) =>
      scheduler.after(0.01, () => {
        called = true;
        resolve();
      }),
    );
    const release = await new Promise<() => void>((resolve) => setImmediate(() => resolve(scheduler.hold())));
    const lane = scheduler.lane();
    for (let i = 0; i < 100; i++) lane.push(() => {});
    await new Promise<void>((resolve) => lane.push(resolve));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(called).to.equal(false);
    release();
    await timer;
  });

  it('reaches a deadline although two drivers never stop notifying each other', async () => {
    const scheduler = new Scheduler(1);
    const lane = scheduler.lane();
    let over = false;
    const again = (): void => {
      if (!over) lane.push(again);
    };
    lane.push(again);
    await new Promise<void>((resolve) => scheduler.after(10, resolve));
    over = true;
  });

  it('continues after a delivery that throws', async () => {
    const scheduler = new Scheduler(1);
    const thrown = new Promise((resolve) => {
      // The test runner listens too, and would treat the error as an error of the test.
      const listeners = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException');
      process.once('uncaughtException', (error) => {
        for (const listener of listeners) process.on('uncaughtException', listener);
        resolve(error);
      });
    });
    const failure = new Error('on purpose');
    scheduler.lane().push(() => {
      throw failure;
    });
    await new Promise<void>((resolve) => scheduler.after(1, resolve));
    expect(await thrown).to.equal(failure);
  });
});
