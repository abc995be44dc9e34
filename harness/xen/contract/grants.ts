/** Contract of grants: shared, mapped and copied pages, and their use as others see it. */
import { expect } from 'chai';
import { GNTST } from '../../protocol/grant.js';
import { PAGE_SIZE, PageError, XenError, type Domain } from '../domain.js';
import type { Pair } from './pair.js';

/** No grant table is that large. */
const NO_REF = 0x00ff_ffff;

/** Defines the tests; `handles` returns the handles of the current test. */
export function contractOfGrants(handles: () => Pair): void {
  describe('grants', () => {
    let a: Domain;
    let b: Domain;
    beforeEach(() => {
      ({ a, b } = handles());
    });

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

    it('maps several pages in the requested order', () => {
      const offers = [1, 2, 3].map(() => a.grants.offer(b.id, 'read-write'));
      offers.forEach((offer, index) => offer.page.store32(0, index + 1));
      const refs = offers.map((offer) => offer.ref).reverse();
      const mapping = b.grants.map(a.id, refs, 'read-write');
      expect(mapping.pages.map((page) => page.load32(0))).to.deep.equal([3, 2, 1]);
    });

    it('changes a word while the other domain reads it, until it is stopped', () => {
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

    it('copies bytes out; later changes do not affect the copy', () => {
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

    it('maps all refs or none', async () => {
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

    it('closes the pages of a mapping after the unmap', () => {
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

    it('keeps a page readable for its mapper after the end of the offer', () => {
      const offer = a.grants.offer(b.id, 'read-write');
      offer.page.store32(0, 42);
      const mapping = b.grants.map(a.id, [offer.ref], 'read-write');
      offer.end();
      expect(() => offer.page.load32(0)).to.throw(PageError);
      expect(mapping.pages[0]!.load32(0)).to.equal(42);
      mapping.unmap();
    });

    it('does not map an offer after its end', () => {
      const offer = a.grants.offer(b.id, 'read-write');
      offer.end();
      expect(() => b.grants.map(a.id, [offer.ref], 'read-only'))
        .to.throw(XenError)
        .with.property('code', 'EINVAL');
    });

    it('copies out of granted pages with a status per segment', () => {
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
        { status: GNTST.badGntref, bytes: new Uint8Array(0) },
        { status: 0, bytes: Uint8Array.of(4, 5) },
      ]);
    });

    it('copies into granted pages with a status per segment', () => {
      const readOnly = a.grants.offer(b.id, 'read-only');
      const writable = a.grants.offer(b.id, 'read-write');
      const bytes = Uint8Array.of(6, 7);
      expect(
        b.grants.copyTo([
          { domain: a.id, ref: readOnly.ref, offset: 0, bytes },
          { domain: a.id, ref: NO_REF, offset: 0, bytes },
          { domain: a.id, ref: writable.ref, offset: 1, bytes },
        ]),
      ).to.deep.equal([GNTST.generalError, GNTST.badGntref, 0]);
      expect(readOnly.page.load32(0)).to.equal(0);
      expect(writable.page.copyOut(0, 4)).to.deep.equal(Uint8Array.of(0, 6, 7, 0));
    });

    it('reports to an observer how a grant is used', async () => {
      // A host may be unable to read its own domain's grant table.
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
}
