/** What every adapter of the port keeps, as tests: on virtual time and on real time alike. */
import { expect } from 'chai';

import { PAGE_SIZE, PageError, XenError, type Domain, type Port } from './domain.js';
import { Patience, Signal } from './wait.js';

/** Two handles, of two domains or of one; `close` ends both and whatever they run on. */
export interface Pair {
  readonly a: Domain;
  readonly b: Domain;
  close(): Promise<void>;
}

const GNTST_GENERAL_ERROR = -1;
const GNTST_BAD_GNTREF = -3;
/** No grant table is that large. */
const NO_REF = 0x00ff_ffff;

/** The ports that fired at one handle, in the order in which they were taken. */
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

/** Defines the tests of one adapter; `make` is called afresh for each of them. */
export function contract(name: string, make: () => Promise<Pair>): void {
  describe(`contract of the port: ${name}`, () => {
    let pair: Pair;
    let a: Domain;
    let b: Domain;

    beforeEach(async () => {
      pair = await make();
      ({ a, b } = pair);
    });

    afterEach(() => pair.close());

    describe('grants', () => {
      it('shows both domains one zeroed page', () => {
        const offer = a.grants.offer(b.id, 'read-write');
        const mapping = b.grants.map(a.id, [offer.ref], 'read-write');
        const page = mapping.pages[0]!;
        expect(mapping.pages).to.have.length(1);
        expect(page.copyOut(0, PAGE_SIZE)).to.deep.equal(new Uint8Array(PAGE_SIZE));
        offer.page.store32(4, 0x8765_4321);
        expect(page.load32(4)).to.equal(0x8765_4321);
        expect(page.copyOut(4, 4)).to.deep.equal(Uint8Array.of(0x21, 0x43, 0x65, 0x87));
        page.copyIn(PAGE_SIZE - 3, Uint8Array.of(1, 2, 3));
        expect(offer.page.copyOut(PAGE_SIZE - 4, 4)).to.deep.equal(Uint8Array.of(0, 1, 2, 3));
      });

      it('maps several pages in the order asked for', () => {
        const offers = [1, 2, 3].map(() => a.grants.offer(b.id, 'read-write'));
        offers.forEach((offer, index) => offer.page.store32(0, index + 1));
        const refs = offers.map((offer) => offer.ref).reverse();
        const mapping = b.grants.map(a.id, refs, 'read-write');
        expect(mapping.pages.map((page) => page.load32(0))).to.deep.equal([3, 2, 1]);
      });

      it('changes a word under the eyes of the other domain, until it is called off', () => {
        const offer = a.grants.offer(b.id, 'read-write');
        const { pages } = b.grants.map(a.id, [offer.ref], 'read-only');
        const calm = offer.page.flicker(8, [1, 2]);
        expect(() => offer.page.flicker(12, [3, 4])).to.throw(PageError);
        const seen = new Set<number | undefined>();
        for (let looks = 0; !(seen.has(1) && seen.has(2)) && looks < 1e6; looks++) seen.add(pages[0]?.load32(8));
        seen.delete(0);
        expect([...seen].sort()).to.deep.equal([1, 2]);
        calm();
        const last = pages[0]?.load32(8);
        for (let looks = 0; looks < 100; looks++) expect(pages[0]?.load32(8)).to.equal(last);
        offer.page.flicker(8, [5, 6]);
        offer.end();
      });

      it('copies bytes out, so that later changes leave them alone', () => {
        const { page } = a.grants.offer(b.id, 'read-write');
        const copy = page.copyOut(0, 8);
        page.store32(0, 1);
        expect(copy).to.deep.equal(new Uint8Array(8));
      });

      it('refuses writes to a page mapped read-only', () => {
        const offer = a.grants.offer(b.id, 'read-only');
        expect(offer.page.writable).to.equal(true);
        offer.page.store32(0, 7);
        const page = b.grants.map(a.id, [offer.ref], 'read-only').pages[0]!;
        expect(page.writable).to.equal(false);
        expect(page.load32(0)).to.equal(7);
        expect(() => page.store32(0, 8)).to.throw(PageError);
        expect(() => page.copyIn(0, Uint8Array.of(8))).to.throw(PageError);
        expect(page.load32(0)).to.equal(7);
      });

      it('refuses ranges outside the page and unaligned words', () => {
        const { page } = a.grants.offer(b.id, 'read-write');
        expect(page.copyOut(PAGE_SIZE, 0)).to.have.length(0);
        for (const offset of [-4, 1, 2, PAGE_SIZE, PAGE_SIZE - 2, 0.5, NaN, 2 ** 32]) {
          expect(() => page.load32(offset), `load32(${offset})`).to.throw(PageError);
          expect(() => page.store32(offset, 1), `store32(${offset})`).to.throw(PageError);
        }
        for (const [offset, length] of [
          [-1, 1],
          [0, -1],
          [0, PAGE_SIZE + 1],
          [PAGE_SIZE, 1],
          [0.5, 1],
          [2 ** 32, 1],
        ] as const)
          expect(() => page.copyOut(offset, length), `copyOut(${offset}, ${length})`).to.throw(PageError);
        expect(() => page.copyIn(PAGE_SIZE - 1, new Uint8Array(2))).to.throw(PageError);
        expect(() => page.copyIn(-1, new Uint8Array(1))).to.throw(PageError);
        expect(page.copyOut(0, PAGE_SIZE)).to.deep.equal(new Uint8Array(PAGE_SIZE));
      });

      it('maps all or nothing', async () => {
        const offer = a.grants.offer(b.id, 'read-write');
        expect(() => b.grants.map(a.id, [offer.ref, NO_REF], 'read-write'))
          .to.throw(XenError)
          .with.property('code', 'EINVAL');
        expect(await a.observer.grantUse(a.id, offer.ref)).to.be.oneOf(['unused', 'unknown']);
        expect(b.grants.map(a.id, [offer.ref], 'read-write').pages[0]!.load32(0)).to.equal(0);
      });

      it('refuses to map a read-only grant for writing', () => {
        const offer = a.grants.offer(b.id, 'read-only');
        expect(() => b.grants.map(a.id, [offer.ref], 'read-write'))
          .to.throw(XenError)
          .with.property('code', 'EINVAL');
      });

      it('closes the pages of a mapping that was unmapped', () => {
        const offer = a.grants.offer(b.id, 'read-write');
        const mapping = b.grants.map(a.id, [offer.ref], 'read-write');
        mapping.unmap();
        const page = mapping.pages[0]!;
        expect(() => page.load32(0)).to.throw(PageError);
        expect(() => page.store32(0, 1)).to.throw(PageError);
        expect(() => page.copyOut(0, 1)).to.throw(PageError);
        expect(() => page.copyIn(0, Uint8Array.of(1))).to.throw(PageError);
        expect(offer.page.load32(0)).to.equal(0);
        expect(b.grants.map(a.id, [offer.ref], 'read-write').pages[0]!.load32(0)).to.equal(0);
      });

      it('keeps a page readable for its mapper after the offer has ended', () => {
        const offer = a.grants.offer(b.id, 'read-write');
        offer.page.store32(0, 42);
        const mapping = b.grants.map(a.id, [offer.ref], 'read-write');
        offer.end();
        expect(() => offer.page.load32(0)).to.throw(PageError);
        expect(mapping.pages[0]!.load32(0)).to.equal(42);
        mapping.unmap();
      });

      it('does not map an offer that has ended', () => {
        const offer = a.grants.offer(b.id, 'read-write');
        offer.end();
        expect(() => b.grants.map(a.id, [offer.ref], 'read-only'))
          .to.throw(XenError)
          .with.property('code', 'EINVAL');
      });

      it('copies out of granted pages with a status for each segment', () => {
        const first = a.grants.offer(b.id, 'read-only');
        const second = a.grants.offer(b.id, 'read-write');
        first.page.copyIn(10, Uint8Array.of(1, 2, 3));
        second.page.copyIn(PAGE_SIZE - 2, Uint8Array.of(4, 5));
        expect(
          b.grants.copyFrom([
            { domain: a.id, ref: first.ref, offset: 10, length: 3 },
            { domain: a.id, ref: NO_REF, offset: 0, length: 4 },
            { domain: a.id, ref: second.ref, offset: PAGE_SIZE - 2, length: 2 },
          ]),
        ).to.deep.equal([
          { status: 0, bytes: Uint8Array.of(1, 2, 3) },
          { status: GNTST_BAD_GNTREF, bytes: new Uint8Array(0) },
          { status: 0, bytes: Uint8Array.of(4, 5) },
        ]);
      });

      it('copies into granted pages with a status for each segment', () => {
        const readOnly = a.grants.offer(b.id, 'read-only');
        const writable = a.grants.offer(b.id, 'read-write');
        const bytes = Uint8Array.of(6, 7);
        expect(
          b.grants.copyTo([
            { domain: a.id, ref: readOnly.ref, offset: 0, bytes },
            { domain: a.id, ref: NO_REF, offset: 0, bytes },
            { domain: a.id, ref: writable.ref, offset: 1, bytes },
          ]),
        ).to.deep.equal([GNTST_GENERAL_ERROR, GNTST_BAD_GNTREF, 0]);
        expect(readOnly.page.load32(0)).to.equal(0);
        expect(writable.page.copyOut(0, 4)).to.deep.equal(Uint8Array.of(0, 6, 7, 0));
      });

      it('tells an observer how a grant is used', async () => {
        // A host may have no way to look into its own domain's table.
        const blind = !a.capabilities.has('observer') || a.id === b.id;
        const seen = (use: string): string[] => (blind ? [use, 'unknown'] : [use]);
        const offer = a.grants.offer(b.id, 'read-write');
        expect(await b.observer.grantUse(a.id, offer.ref)).to.be.oneOf(seen('unused'));
        const reader = b.grants.map(a.id, [offer.ref], 'read-only');
        expect(await b.observer.grantUse(a.id, offer.ref)).to.be.oneOf(seen('reading'));
        const writer = b.grants.map(a.id, [offer.ref], 'read-write');
        expect(await b.observer.grantUse(a.id, offer.ref)).to.be.oneOf(seen('writing'));
        writer.unmap();
        reader.unmap();
        expect(await b.observer.grantUse(a.id, offer.ref)).to.be.oneOf(seen('unused'));
      });
    });

    describe('events', () => {
      let atA: Fired;
      let atB: Fired;

      beforeEach(() => {
        atA = new Fired(a);
        atB = new Fired(b);
      });

      /** A channel whose first event at b, that of the binding, was taken and unmasked. */
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

      it('gives a port once until it is unmasked, however often it was notified', async () => {
        const { portA, portB } = await bound();
        for (let i = 0; i < 100; i++) a.events.notify(portA);
        await atB.times(portB, 2);
        for (let i = 0; i < 100; i++) a.events.notify(portA);
        // Another channel's event comes through; by then the masked one would have, if it could.
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

      it('is silent on an unmask with nothing pending', async () => {
        const { portB } = await bound();
        b.events.unmask(portB);
        const other = await bound();
        a.events.notify(other.portA);
        await atB.times(other.portB, 2);
        expect(atB.count(portB)).to.equal(1);
      });

      it('has nothing to take when nothing fired', () => {
        expect(a.events.take()).to.deep.equal([]);
      });

      it('lets a port wait for its peer again after the peer unbound', async () => {
        const { portA, portB } = await bound();
        b.events.unbind(portB);
        expect(() => b.events.notify(portB)).to.throw(XenError);
        a.events.notify(portA);
        const again = b.events.bindInterdomain(a.id, portA);
        await atB.times(again, again === portB ? 2 : 1);
      });

      it('refuses to bind to a port that is bound or does not exist', async () => {
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

    describe('store', () => {
      const relative = `data/netifspec-contract-${process.pid}`;
      let base: string;
      let patience: Patience;

      beforeEach(async () => {
        base = `/local/domain/${a.id}/${relative}`;
        patience = new Patience(a.clock);
        await a.store.write(base, '');
        await a.store.setPermissions(base, [
          { domain: a.id, access: 'n' },
          { domain: b.id, access: 'b' },
        ]);
      });

      afterEach(() => a.store.remove(base));

      /** What a watch told, with a wait for the next word. */
      async function watch(domain: Domain, path: string) {
        const signal = new Signal();
        const paths: string[] = [];
        const handle = await domain.store.watch(path, (changed) => {
          paths.push(changed);
          signal.fire();
        });
        const heard = (what: string, count: number) =>
          patience.until(what, () => paths.length >= count, { on: [signal] });
        return { paths, heard, close: () => handle.close() };
      }

      it('reads what was written, and nothing where nothing was', async () => {
        expect(await a.store.read(`${base}/key`)).to.equal(undefined);
        expect(await a.store.list(`${base}/key`)).to.equal(undefined);
        expect(await a.store.permissions(`${base}/key`)).to.equal(undefined);
        await a.store.write(`${base}/key`, 'one');
        expect(await b.store.read(`${base}/key`)).to.equal('one');
        await b.store.write(`${base}/key`, '');
        expect(await a.store.read(`${base}/key`)).to.equal('');
        await a.store.write(`${base}/key`, 'Zürich');
        expect(await b.store.read(`${base}/key`)).to.equal('Zürich');
      });

      it('creates the parents that are missing and lists children', async () => {
        await a.store.write(`${base}/queue-0/tx-ring-ref`, '8');
        await a.store.write(`${base}/queue-1/tx-ring-ref`, '9');
        expect(await a.store.read(`${base}/queue-0`)).to.equal('');
        expect(await a.store.list(base)).to.have.members(['queue-0', 'queue-1']);
        expect(await a.store.list(`${base}/queue-0/tx-ring-ref`)).to.deep.equal([]);
      });

      it('starts relative paths at the domain’s home', async () => {
        await a.store.write(`${relative}/key`, 'value');
        expect(await a.store.read(`${base}/key`)).to.equal('value');
        expect(await a.store.read(`${relative}/key`)).to.equal('value');
      });

      it('refuses paths that xenstored has no room for', async () => {
        for (const path of [`${base}/`, `${base}//key`, `${base}/a b`]) {
          const error: unknown = await a.store.write(path, '').catch((reason: unknown) => reason);
          expect(error, path).to.be.instanceOf(XenError).with.property('code', 'EINVAL');
        }
      });

      it('removes a node with all below it, and what is not there without an error', async () => {
        await a.store.write(`${base}/dir/key`, '1');
        await a.store.remove(`${base}/dir`);
        expect(await a.store.read(`${base}/dir`)).to.equal(undefined);
        expect(await a.store.read(`${base}/dir/key`)).to.equal(undefined);
        expect(await a.store.list(base)).to.deep.equal([]);
        await a.store.remove(`${base}/dir`);
        await a.store.remove(`${base}/never/was/here`);
      });

      it('gives children their parent’s permissions, and the ones that are set', async () => {
        await a.store.write(`${base}/dir/key`, '1');
        const inherited = await a.store.permissions(base);
        expect(inherited).to.deep.equal([
          { domain: a.id, access: 'n' },
          { domain: b.id, access: 'b' },
        ]);
        expect(await a.store.permissions(`${base}/dir/key`)).to.deep.equal(inherited);
        const own = [
          { domain: a.id, access: 'r' },
          { domain: b.id, access: 'w' },
        ] as const;
        await a.store.setPermissions(`${base}/dir/key`, own);
        expect(await a.store.permissions(`${base}/dir/key`)).to.deep.equal(own);
        expect(await a.store.permissions(`${base}/dir`)).to.deep.equal(inherited);
      });

      it('shows a transaction to others only when it is done', async () => {
        const answer = await a.store.transaction(async (transaction) => {
          await transaction.write(`${base}/one`, '1');
          await transaction.write(`${base}/two`, '2');
          expect(await transaction.read(`${base}/one`)).to.equal('1');
          expect(await b.store.read(`${base}/one`)).to.equal(undefined);
          return 'done';
        });
        expect(answer).to.equal('done');
        expect(await b.store.read(`${base}/one`)).to.equal('1');
        expect(await b.store.read(`${base}/two`)).to.equal('2');
      });

      it('runs a transaction again if what it read was changed meanwhile', async () => {
        await a.store.write(`${base}/count`, '1');
        let runs = 0;
        await a.store.transaction(async (transaction) => {
          const count = Number(await transaction.read(`${base}/count`));
          if (++runs === 1) await b.store.write(`${base}/count`, '10');
          await transaction.write(`${base}/count`, `${count + 1}`);
        });
        expect(runs).to.equal(2);
        expect(await a.store.read(`${base}/count`)).to.equal('11');
      });

      it('undoes a transaction whose body throws', async () => {
        const broken = a.store.transaction(async (transaction) => {
          await transaction.write(`${base}/key`, '1');
          throw new Error('on purpose');
        });
        expect(await broken.catch((reason: unknown) => String(reason))).to.equal('Error: on purpose');
        expect(await a.store.read(`${base}/key`)).to.equal(undefined);
      });

      it('calls a watch at first, and then for changes at and below its path', async () => {
        const watched = await watch(b, `${base}/dir`);
        await watched.heard('first call', 1);
        expect(watched.paths).to.deep.equal([`${base}/dir`]);
        await a.store.write(`${base}/dir`, '1');
        await watched.heard('change of the node', 2);
        await a.store.write(`${base}/dir/key`, '2');
        await watched.heard('change below', 3);
        await a.store.write(`${base}/other`, '3');
        await a.store.write(`${base}/dir2`, '3');
        await a.store.remove(`${base}/dir/key`);
        await watched.heard('removal below', 4);
        expect(watched.paths.slice(1)).to.deep.equal([`${base}/dir`, `${base}/dir/key`, `${base}/dir/key`]);
        await watched.close();
      });

      it('calls a watch of a relative path', async () => {
        const watched = await watch(a, `${relative}/key`);
        await watched.heard('first call', 1);
        await a.store.write(`${base}/key`, '1');
        await watched.heard('change', 2);
        for (const path of watched.paths)
          expect(`/local/domain/${a.id}/${path}`.endsWith(`${base}/key`)).to.equal(true);
        await watched.close();
      });

      it('calls a watch when its node or an ancestor is removed', async () => {
        await a.store.write(`${base}/dir/key`, '1');
        const watched = await watch(b, `${base}/dir/key`);
        await watched.heard('first call', 1);
        await a.store.remove(`${base}/dir`);
        await watched.heard('removal of the parent', 2);
        expect(await b.store.read(`${base}/dir/key`)).to.equal(undefined);
        await watched.close();
      });

      it('calls a watch for a transaction only when it is done', async () => {
        const watched = await watch(b, base);
        await watched.heard('first call', 1);
        await a.store.transaction(async (transaction) => {
          await transaction.write(`${base}/inside`, '1');
          await b.store.read(base);
          expect(watched.paths).to.have.length(1);
        });
        await a.store.write(`${base}/after`, '1');
        await watched.heard('the commit and the write after it', 3);
        expect(watched.paths).to.deep.equal([base, `${base}/inside`, `${base}/after`]);
        await watched.close();
      });

      it('leaves a closed watch alone', async () => {
        const closed = await watch(b, base);
        const open = await watch(b, base);
        await closed.heard('first call', 1);
        await open.heard('first call', 1);
        await closed.close();
        await a.store.write(`${base}/key`, '1');
        await open.heard('change', 2);
        expect(closed.paths).to.deep.equal([base]);
        await open.close();
      });
    });

    describe('clock', () => {
      it('calls back in the order of the deadlines, and not what was cancelled', async () => {
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

      it('answers a hold with its release, which may be called twice', async () => {
        const release = a.clock.hold();
        release();
        release();
        await new Promise<void>((resolve) => a.clock.after(1, resolve));
      });
    });

    describe('close', () => {
      it('ends what the handle had', async () => {
        const offer = a.grants.offer(b.id, 'read-write');
        const port = a.events.bindUnbound(b.id);
        const mine = b.grants.offer(a.id, 'read-write');
        const mapping = a.grants.map(b.id, [mine.ref], 'read-write');
        await a.close();
        expect(() => offer.page.load32(0)).to.throw(PageError);
        expect(() => mapping.pages[0]!.load32(0)).to.throw(PageError);
        expect(() => b.grants.map(a.id, [offer.ref], 'read-write')).to.throw(XenError);
        expect(() => b.events.bindInterdomain(a.id, port)).to.throw(XenError);
        expect(await b.observer.grantUse(b.id, mine.ref)).to.be.oneOf(['unused', 'unknown']);
        expect(mine.page.load32(0)).to.equal(0);
      });

      it('makes every use of the handle throw', async () => {
        const port = a.events.bindUnbound(b.id);
        await a.close();
        expect(() => a.grants.offer(b.id, 'read-write')).to.throw();
        expect(() => a.grants.map(b.id, [8], 'read-write')).to.throw();
        expect(() => a.grants.copyFrom([])).to.throw();
        expect(() => a.grants.copyTo([])).to.throw();
        expect(() => a.events.bindUnbound(b.id)).to.throw();
        expect(() => a.events.notify(port)).to.throw();
        expect(() => a.events.take()).to.throw();
        for (const use of [
          () => a.store.read('name'),
          () => a.store.write('data/x', ''),
          () => a.store.watch('name', () => {}),
          () => a.store.transaction(() => Promise.resolve()),
        ]) {
          const outcome = await (async () => use())().then(
            () => 'worked',
            () => 'threw',
          );
          expect(outcome).to.equal('threw');
        }
      });

      it('may be called twice, and leaves offers and mappings that may be ended late', async () => {
        const offer = a.grants.offer(b.id, 'read-write');
        const mapping = b.grants.map(a.id, [offer.ref], 'read-write');
        await a.close();
        await a.close();
        await b.close();
        offer.end();
        mapping.unmap();
      });
    });
  });
}
