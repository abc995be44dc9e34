import { expect } from 'chai';
import fc from 'fast-check';
import { CTRL_RING, RING_OFFSET, RX_RING, TX_RING, type RingLayout, advance, slotOffset } from './ring.js';
import { BackRing, FrontRing } from './shared-ring.js';
import type { RingPage } from './ring-page.js';
import { hex, reasonOf, u32, valueOf } from './rings.fixture.js';

const LAYOUTS: readonly RingLayout[] = [TX_RING, RX_RING, CTRL_RING];
const NEAR_WRAP = 0xffffff80;

/** A page in plain memory that counts its accesses. */
class MemoryPage implements RingPage {
  readonly bytes = Buffer.alloc(4096);
  writes = 0;
  slotReads = 0;

  load32(offset: number): number {
    return this.bytes.readUInt32LE(offset);
  }
  store32(offset: number, value: number): void {
    this.writes++;
    this.bytes.writeUInt32LE(value, offset);
  }
  copyOut(offset: number, length: number): Uint8Array {
    this.slotReads++;
    return Uint8Array.from(this.bytes.subarray(offset, offset + length));
  }
  copyIn(offset: number, bytes: Uint8Array): void {
    this.writes++;
    this.bytes.set(bytes, offset);
  }
}

function pair(layout: RingLayout, start = 0): { page: MemoryPage; front: FrontRing; back: BackRing } {
  const page = new MemoryPage();
  const front = new FrontRing(page, layout);
  const back = new BackRing(page, layout);
  front.init(start);
  back.attach();
  return { page, front, back };
}

function fill(front: FrontRing, count: number): void {
  for (let i = 0; i < count; i++) front.put(Uint8Array.of(i));
}

function answer(back: BackRing, count: number): void {
  for (let i = 0; i < count; i++) back.put(back.take().subarray(0, 4));
}

describe('protocol/shared-ring', () => {
  describe('FrontRing.init', () => {
    it('writes the header byte for byte and no slot', () => {
      const page = new MemoryPage();
      page.bytes.fill(0xee);
      new FrontRing(page, TX_RING).init();
      const header = hex('00000000 01000000 00000000 01000000' + '00'.repeat(48));
      expect(Uint8Array.from(page.bytes.subarray(0, 64))).to.deep.equal(header);
      expect(page.bytes.subarray(64).every((byte) => byte === 0xee)).to.equal(true);
    });

    it('starts at any index', () => {
      const { page, front } = pair(TX_RING, 0xffffffff);
      expect(front.indices()).to.deep.equal({ reqProd: 0xffffffff, reqEvent: 0, rspProd: 0xffffffff, rspEvent: 0 });
      expect([front.reqProdPvt, front.rspCons]).to.deep.equal([0xffffffff, 0xffffffff]);
      expect(page.load32(RING_OFFSET.pvt)).to.equal(0);
    });
  });

  describe('BackRing.attach', () => {
    it('starts at the current rsp_prod by default, or at a given index, and never writes', () => {
      const page = new MemoryPage();
      page.store32(RING_OFFSET.rspProd, 0xfffffff0);
      page.writes = 0;
      const back = new BackRing(page, TX_RING);
      back.attach();
      expect([back.reqCons, back.rspProdPvt]).to.deep.equal([0xfffffff0, 0xfffffff0]);
      back.attach(7);
      expect([back.reqCons, back.rspProdPvt]).to.deep.equal([7, 7]);
      expect(page.writes).to.equal(0);
    });

    it('finds requests that were pushed before it attached', () => {
      const { page, front } = pair(TX_RING, 0xfffffffe);
      fill(front, 5);
      front.push();
      const late = new BackRing(page, TX_RING);
      late.attach();
      expect(valueOf(late.unconsumed())).to.equal(5);
      expect(late.take()[0]).to.equal(0);
    });
  });

  for (const layout of LAYOUTS) {
    describe(`put, push, take on the ${layout.name} ring`, () => {
      it('writes a zero-padded slot at its index and hides it until the push', () => {
        const { page, front, back } = pair(layout, 0xffffffff);
        page.bytes.fill(0xee, RING_OFFSET.slots);
        expect(front.put(hex('010203'))).to.equal(0xffffffff);
        expect(front.put(hex('0405'))).to.equal(0);
        expect(valueOf(back.unconsumed())).to.equal(0);
        front.push();
        expect(front.indices().reqProd).to.equal(1);
        const padded = (start: string): Uint8Array => hex(start.padEnd(layout.slotBytes * 2, '0'));
        const slot = (index: number): Uint8Array => page.copyOut(slotOffset(layout, index), layout.slotBytes);
        expect(slot(layout.size - 1)).to.deep.equal(padded('010203'));
        expect(slot(0)).to.deep.equal(padded('0405'));
        expect(slot(1).every((byte) => byte === 0xee)).to.equal(true);
        expect(valueOf(back.unconsumed())).to.equal(2);
        expect(back.take()).to.deep.equal(padded('010203'));
        expect(back.take()).to.deep.equal(padded('0405'));
        expect(valueOf(back.unconsumed())).to.equal(0);
      });

      it('writes no more than the response into its slot, and remembers what was put there', () => {
        const { front, back } = pair(layout, 0xffffffff);
        const request = Uint8Array.from({ length: layout.slotBytes }, (_, n) => n + 1);
        front.put(request);
        front.push();
        back.take();
        back.put(hex('0708'));
        back.push();
        const response = front.take();
        expect(response.subarray(0, 2)).to.deep.equal(hex('0708'));
        expect(response.subarray(2)).to.deep.equal(request.subarray(2));
        expect(new Uint8Array(front.under())).to.deep.equal(request);
      });

      it('holds exactly as many requests as it has slots', () => {
        const { front, back } = pair(layout, NEAR_WRAP);
        expect(front.free()).to.equal(layout.size);
        fill(front, layout.size);
        expect(front.free()).to.equal(0);
        expect(() => front.put(hex('01'))).to.throw(RangeError, 'full');
        front.push();
        expect(valueOf(back.unconsumed())).to.equal(layout.size);
        answer(back, layout.size);
        back.push();
        expect(valueOf(front.unconsumed())).to.equal(layout.size);
        front.take();
        expect(front.free()).to.equal(1);
      });

      it('refuses a slot that is too long', () => {
        const { front, back } = pair(layout);
        const long = new Uint8Array(layout.slotBytes + 1);
        expect(() => front.put(long)).to.throw(RangeError, `${layout.slotBytes + 1} bytes`);
        expect(front.reqProdPvt).to.equal(0);
        fill(front, 1);
        front.push();
        back.take();
        expect(() => back.put(long)).to.throw(RangeError, `${layout.slotBytes + 1} bytes`);
        expect(back.rspProdPvt).to.equal(0);
      });

      it('refuses a response without a request', () => {
        const { front, back } = pair(layout);
        fill(front, 1);
        front.push();
        expect(() => back.put(hex('01'))).to.throw(RangeError, 'has its response');
        back.take();
        expect(back.put(hex('01'))).to.equal(0);
        expect(() => back.put(hex('01'))).to.throw(RangeError, 'has its response');
      });

      it('carries every message once, in order, from any start', () => {
        fc.assert(
          fc.property(u32, fc.array(fc.integer({ min: 1, max: layout.size }), { maxLength: 8 }), (start, batches) => {
            const { page, front, back } = pair(layout, start);
            let sent = 0;
            for (const count of batches) {
              for (let i = 0; i < count; i++) front.put(Uint8Array.of(sent++ & 0xff));
              front.push();
              expect(valueOf(back.unconsumed())).to.equal(count);
              answer(back, count);
              back.push();
              expect(valueOf(front.unconsumed())).to.equal(count);
              for (let i = count; i > 0; i--) expect(front.take()[0]).to.equal((sent - i) & 0xff);
              expect(valueOf(front.unconsumed())).to.equal(0);
            }
            expect(front.rspCons).to.equal(advance(start, sent));
            const end = slotOffset(layout, layout.size - 1) + layout.slotBytes;
            expect(page.bytes.subarray(end).every((byte) => byte === 0)).to.equal(true);
          }),
          { numRuns: 30 },
        );
      });
    });
  }

  it('reads a slot from the page once', () => {
    const { page, front, back } = pair(TX_RING);
    fill(front, 1);
    front.push();
    page.slotReads = 0;
    const copy = back.take();
    expect(page.slotReads).to.equal(1);
    page.bytes.fill(0xee, RING_OFFSET.slots);
    expect(copy).to.deep.equal(new Uint8Array(12));
  });

  it('writes no index but its own', () => {
    const { front, back } = pair(TX_RING, NEAR_WRAP);
    fill(front, 3);
    front.push();
    front.setRspEvent(0x1234);
    expect(front.indices()).to.deep.equal({
      reqProd: NEAR_WRAP + 3,
      reqEvent: NEAR_WRAP + 1,
      rspProd: NEAR_WRAP,
      rspEvent: 0x1234,
    });
    answer(back, 2);
    back.push();
    back.setReqEvent(0x5678);
    expect(back.indices()).to.deep.equal({
      reqProd: NEAR_WRAP + 3,
      reqEvent: 0x5678,
      rspProd: NEAR_WRAP + 2,
      rspEvent: 0x1234,
    });
  });

  describe('push', () => {
    for (const start of [0, 0xffffffff]) {
      it(`asks for a notification when a batch crosses the other side's event index, from ${start}`, () => {
        const { front, back } = pair(TX_RING, start);
        fill(front, 1);
        expect(front.push()).to.equal(true);
        fill(front, 1);
        expect(front.push()).to.equal(false);
        back.setReqEvent(advance(start, 10));
        fill(front, 7);
        expect(front.push()).to.equal(false);
        fill(front, 1);
        expect(front.push()).to.equal(true);
        expect(front.push()).to.equal(false);

        answer(back, 1);
        expect(back.push()).to.equal(true);
        answer(back, 1);
        expect(back.push()).to.equal(false);
        front.setRspEvent(advance(start, 5));
        answer(back, 8);
        expect(back.push()).to.equal(true);
        expect(back.push()).to.equal(false);
      });
    }

    it('publishes an invalid reqProdPvt or rspProdPvt', () => {
      const { front, back } = pair(TX_RING);
      front.reqProdPvt += 300;
      front.push();
      expect(front.indices().reqProd).to.equal(300);
      expect(front.free()).to.equal(0);
      back.rspProdPvt += 400;
      back.push();
      expect(back.indices().rspProd).to.equal(400);
    });
  });

  describe('overflow', () => {
    for (const layout of LAYOUTS) {
      for (const start of [0, NEAR_WRAP, 0xffffffff]) {
        it(`is detected by the ${layout.name} ring's backend, from ${start}`, () => {
          const { page, back } = pair(layout, start);
          const claim = (n: number): void => page.store32(RING_OFFSET.reqProd, advance(start, n));
          claim(layout.size);
          expect(valueOf(back.unconsumed())).to.equal(layout.size);
          for (const n of [layout.size + 1, 0x7fffffff, 0x80000000, -1]) {
            claim(n);
            expect(reasonOf(back.unconsumed())).to.contain('RING_REQUEST_PROD_OVERFLOW');
            expect(reasonOf(back.finalCheck())).to.contain('RING_REQUEST_PROD_OVERFLOW');
          }
        });

        it(`is detected by the ${layout.name} ring's frontend, from ${start}`, () => {
          const { page, front } = pair(layout, start);
          const claim = (n: number): void => page.store32(RING_OFFSET.rspProd, advance(start, n));
          fill(front, 3);
          front.push();
          claim(3);
          expect(valueOf(front.unconsumed())).to.equal(3);
          claim(4);
          expect(reasonOf(front.unconsumed())).to.contain('beyond req_prod');
          for (const n of [layout.size + 1, 0x80000000, -1]) {
            claim(n);
            expect(reasonOf(front.unconsumed())).to.contain('is not within');
            expect(reasonOf(front.finalCheck())).to.contain('is not within');
          }
        });
      }
    }

    it('counts from the responses put, not from the requests read', () => {
      const { page, front, back } = pair(TX_RING);
      fill(front, 256);
      front.push();
      for (let i = 0; i < 200; i++) back.take();
      expect(valueOf(back.unconsumed())).to.equal(56);
      page.store32(RING_OFFSET.reqProd, 257);
      expect(reasonOf(back.unconsumed())).to.contain('RING_REQUEST_PROD_OVERFLOW');
      back.put(hex('00'));
      expect(valueOf(back.unconsumed())).to.equal(57);
    });

    it('is detected when req_prod moves back before the requests read', () => {
      const { page, front, back } = pair(TX_RING);
      fill(front, 4);
      front.push();
      back.take();
      back.take();
      page.store32(RING_OFFSET.reqProd, 1);
      expect(reasonOf(back.unconsumed())).to.equal('tx ring: req_prod 1 is behind req_cons 2');
    });

    it('is not hidden by a backend that also moves req_prod', () => {
      const { page, front } = pair(TX_RING);
      fill(front, 1);
      front.push();
      page.store32(RING_OFFSET.reqProd, 5);
      page.store32(RING_OFFSET.rspProd, 5);
      expect(reasonOf(front.unconsumed())).to.contain('beyond req_prod 1');
    });

    it('does not count requests that were put but not pushed as outstanding', () => {
      const { page, front } = pair(TX_RING);
      fill(front, 2);
      page.store32(RING_OFFSET.rspProd, 1);
      expect(reasonOf(front.unconsumed())).to.contain('beyond req_prod 0');
    });
  });

  describe('finalCheck', () => {
    for (const start of [0, 0xffffffff, 0xfffffffe]) {
      it(`sets the event to one past the consumer, from ${start}`, () => {
        const { front, back } = pair(RX_RING, start);
        expect(valueOf(back.finalCheck())).to.equal(false);
        fill(front, 2);
        front.push();
        expect(valueOf(back.finalCheck())).to.equal(true);
        expect(back.indices().reqEvent).to.equal(advance(start, 1));
        answer(back, 2);
        expect(valueOf(back.finalCheck())).to.equal(false);
        expect(back.indices().reqEvent).to.equal(advance(start, 3));
        expect(valueOf(front.finalCheck())).to.equal(false);
        back.push();
        expect(valueOf(front.finalCheck())).to.equal(true);
        front.take();
        expect(valueOf(front.finalCheck())).to.equal(true);
        expect(front.indices().rspEvent).to.equal(advance(start, 2));
        front.take();
        expect(valueOf(front.finalCheck())).to.equal(false);
        expect(front.indices().rspEvent).to.equal(advance(start, 3));
      });
    }

    it('finds messages that arrived between the check and the event index, for which no event is due', () => {
      for (const end of ['front', 'back'] as const) {
        const { page, front, back } = pair(TX_RING);
        if (end === 'front') {
          fill(front, 1);
          front.push();
          back.setReqEvent(100);
          answer(back, 1);
        } else {
          fill(front, 1);
        }
        const event = end === 'front' ? RING_OFFSET.rspEvent : RING_OFFSET.reqEvent;
        const store32 = page.store32.bind(page);
        store32(event, 100);
        let notified: boolean | undefined;
        page.store32 = (offset, value) => {
          // The other side pushes just before the event index is set, and so does not see it.
          if (offset === event && notified === undefined) notified = end === 'front' ? back.push() : front.push();
          store32(offset, value);
        };
        expect(valueOf((end === 'front' ? front : back).finalCheck())).to.equal(true);
        expect(notified).to.equal(false);
      }
    });
  });
});
