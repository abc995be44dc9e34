/** Contract of closing a handle. */
import { expect } from 'chai';
import { PageError, XenError, type Domain } from '../domain.js';
import type { Pair } from './pair.js';

/** Defines the tests; `handles` returns the handles of the current test. */
export function contractOfClose(handles: () => Pair): void {
  describe('close', () => {
    let a: Domain;
    let b: Domain;
    beforeEach(() => {
      ({ a, b } = handles());
    });

    it('releases what the handle held', async () => {
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

    it('may be called twice; offers and mappings may be ended after it', async () => {
      const offer = a.grants.offer(b.id, 'read-write');
      const mapping = b.grants.map(a.id, [offer.ref], 'read-write');
      await a.close();
      await a.close();
      await b.close();
      offer.end();
      mapping.unmap();
    });
  });
}
