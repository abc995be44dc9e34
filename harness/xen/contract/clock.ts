/** Contract of an adapter's clock, virtual or real. */
import { expect } from 'chai';
import type { Domain } from '../domain.js';
import type { Pair } from './pair.js';

/** Defines the tests; `handles` returns the handles of the current test. */
export function contractOfClock(handles: () => Pair): void {
  describe('clock', () => {
    let a: Domain;
    beforeEach(() => {
      ({ a } = handles());
    });

    it('calls back in the order of the deadlines, and not after a cancel', async () => {
      const called: string[] = [];
      const start = a.clock.now();
      await new Promise<void>((resolve) => {
        a.clock.after(60, resolve);
        a.clock.after(40, () => called.push('40'));
        const cancel = a.clock.after(30, () => called.push('30'));
        a.clock.after(20, () => called.push('20'));
        cancel();
      });
      expect(called).to.deep.equal(['20', '40']);
      // Timers of the operating system count in whole milliseconds, and may round down.
      expect(a.clock.now() - start).to.be.at.least(59);
    });

    it('returns the release of a hold, which may be called twice', async () => {
      const release = a.clock.hold();
      release();
      release();
      await new Promise<void>((resolve) => a.clock.after(1, resolve));
    });
  });
}
