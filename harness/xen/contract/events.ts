/** Contract of event channels. */
import { expect } from 'chai';
import { XenError, type Domain, type Port } from '../domain.js';
import { Patience, Signal } from '../wait.js';
import type { Pair } from './pair.js';

/** The ports that fired at one handle, in the order in which they were read. */
class Fired {
  readonly ports: Port[] = [];
  readonly #signal = new Signal();
  readonly #patience: Patience;

  constructor(domain: Domain) {
    this.#patience = new Patience(domain.clock);
    domain.events.onPending(() => {
      this.ports.push(...domain.events.take());
      this.#signal.fire();
    });
  }

  count(port: Port): number {
    return this.ports.filter((fired) => fired === port).length;
  }

  async times(port: Port, count: number): Promise<void> {
    await this.#patience.until(`event ${count} at port ${port}`, () => this.count(port) >= count, {
      on: [this.#signal],
    });
  }
}

/** Defines the tests; `handles` returns the handles of the current test. */
export function contractOfEvents(handles: () => Pair): void {
  describe('events', () => {
    let a: Domain;
    let b: Domain;
    beforeEach(() => {
      ({ a, b } = handles());
    });

    let atA: Fired;
    let atB: Fired;

    beforeEach(() => {
      atA = new Fired(a);
      atB = new Fired(b);
    });

    /** A channel whose first event at b, that of the binding, was handled and unmasked. */
    async function bound(): Promise<{ portA: Port; portB: Port }> {
      const portA = a.events.bindUnbound(b.id);
      const portB = b.events.bindInterdomain(a.id, portA);
      await atB.times(portB, 1);
      b.events.unmask(portB);
      return { portA, portB };
    }

    it('makes a port that is bound to another pending at once', async () => {
      const { portA, portB } = await bound();
      expect(atB.ports).to.deep.equal([portB]);
      expect(atA.count(portA)).to.equal(0);
    });

    it('carries events both ways', async () => {
      const { portA, portB } = await bound();
      a.events.notify(portA);
      await atB.times(portB, 2);
      b.events.notify(portB);
      await atA.times(portA, 1);
    });

    it('reports a port once until it is unmasked, however often it was notified', async () => {
      const { portA, portB } = await bound();
      for (let i = 0; i < 100; i++) a.events.notify(portA);
      await atB.times(portB, 2);
      for (let i = 0; i < 100; i++) a.events.notify(portA);
      // The event of another channel arrives; one at the masked port would have arrived by then.
      const other = await bound();
      a.events.notify(other.portA);
      await atB.times(other.portB, 2);
      expect(atB.count(portB)).to.equal(2);
      b.events.unmask(portB);
      await atB.times(portB, 3);
      b.events.unmask(other.portB);
      a.events.notify(other.portA);
      await atB.times(other.portB, 3);
      expect(atB.count(portB)).to.equal(3);
    });

    it('reports nothing on an unmask with nothing pending', async () => {
      const { portB } = await bound();
      b.events.unmask(portB);
      const other = await bound();
      a.events.notify(other.portA);
      await atB.times(other.portB, 2);
      expect(atB.count(portB)).to.equal(1);
    });

    it('returns no port if none fired', () => {
      expect(a.events.take()).to.deep.equal([]);
    });

    it('lets a port wait for its peer again after the peer has unbound', async () => {
      const { portA, portB } = await bound();
      b.events.unbind(portB);
      expect(() => b.events.notify(portB)).to.throw(XenError);
      a.events.notify(portA);
      const again = b.events.bindInterdomain(a.id, portA);
      await atB.times(again, again === portB ? 2 : 1);
    });

    it('refuses to bind to a port that is bound already or does not exist', async () => {
      const { portA } = await bound();
      expect(() => b.events.bindInterdomain(a.id, portA)).to.throw(XenError);
      a.events.unbind(portA);
      expect(() => b.events.bindInterdomain(a.id, portA)).to.throw(XenError);
    });

    it('refuses ports that the handle does not hold', () => {
      const port = a.events.bindUnbound(b.id);
      a.events.unbind(port);
      expect(() => a.events.notify(port)).to.throw(XenError);
      expect(() => a.events.unbind(port)).to.throw(XenError);
    });
  });
}
