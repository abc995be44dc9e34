import { expect } from 'chai';
import fc from 'fast-check';
import {
  CTRL_RING,
  RING_OFFSET,
  RingSight,
  RX_RING,
  TX_RING,
  advance,
  distance,
  needsNotify,
  slotOffset,
} from './ring.js';
import { u32 } from './rings.fixture.js';

describe('protocol/ring', () => {
  it('has the header of ring.h', () => {
    expect(RING_OFFSET).to.deep.equal({ reqProd: 0, reqEvent: 4, rspProd: 8, rspEvent: 12, pvt: 16, slots: 64 });
  });

  for (const [layout, slotBytes, size, end] of [
    [TX_RING, 12, 256, 3136],
    [RX_RING, 8, 256, 2112],
    [CTRL_RING, 16, 128, 2112],
  ] as const) {
    it(`lays out the ${layout.name} ring`, () => {
      expect(layout).to.deep.equal({ name: layout.name, slotBytes, size });
      expect(slotOffset(layout, 0)).to.equal(64);
      expect(slotOffset(layout, 1)).to.equal(64 + slotBytes);
      expect(slotOffset(layout, size - 1) + slotBytes).to.equal(end);
      expect(slotOffset(layout, size)).to.equal(64);
      expect(slotOffset(layout, 0xffffffff)).to.equal(end - slotBytes);
    });

    it(`has as many slots in the ${layout.name} ring as a power of two allows`, () => {
      const slots = Math.floor((4096 - 64) / slotBytes);
      expect(size).to.equal(2 ** Math.floor(Math.log2(slots)));
    });
  }

  it('counts across the wrap', () => {
    expect(distance(0xfffffffe, 3)).to.equal(5);
    expect(distance(3, 0xfffffffe)).to.equal(0xfffffffb);
    expect(distance(7, 7)).to.equal(0);
    expect(advance(0xffffffff, 1)).to.equal(0);
    expect(advance(0, -1)).to.equal(0xffffffff);
    expect(advance(0xffffff00, 256)).to.equal(0);
  });

  it('has advance as the inverse of distance', () => {
    fc.assert(fc.property(u32, u32, (from, to) => advance(from, distance(from, to)) === to));
  });

  for (const [oldProd, newProd, event, notify, why] of [
    [0, 1, 1, true, 'the event is reached'],
    [0, 17, 1, true, 'the event is the first of the batch'],
    [0, 17, 17, true, 'the event is the last of the batch'],
    [0, 17, 18, false, 'the event lies ahead'],
    [0, 1, 0, false, 'the event was passed before'],
    [5, 6, 5, false, 'the event was reached before'],
    [5, 5, 5, false, 'nothing was pushed'],
    [5, 5, 6, false, 'nothing was pushed'],
    [0, 128, 128 + 0x80000000, false, 'the event lies far ahead'],
    [0xffffffff, 0, 0, true, 'the event is reached at the wrap'],
    [0xfffffff0, 0x10, 0xffffffff, true, 'the event lies before the wrap'],
    [0xfffffff0, 0x10, 5, true, 'the event lies after the wrap'],
    [0xfffffff0, 0x10, 0x11, false, 'the event lies ahead of the wrapped batch'],
    [0xfffffff0, 0x10, 0xfffffff0, false, 'the event was passed before the wrapped batch'],
  ] as const) {
    it(`${notify ? 'notifies' : 'is silent'} from ${oldProd} to ${newProd} at ${event}: ${why}`, () => {
      expect(needsNotify(oldProd, newProd, event)).to.equal(notify);
    });
  }

  it('notifies exactly when the event index is one of those stepped to', () => {
    fc.assert(
      fc.property(u32, fc.integer({ min: 0, max: 256 }), fc.integer({ min: -300, max: 300 }), (old, count, ahead) => {
        const stepped = ahead >= 1 && ahead <= count;
        expect(needsNotify(old, advance(old, count), advance(old, ahead))).to.equal(stepped);
      }),
    );
  });
});

describe('accesses to slots of a page', () => {
  it('are recognized by size and offset', () => {
    const sight = new RingSight();
    expect(sight.slotAt(64, 12), 'before its header is in use').to.equal(undefined);
    sight.touched(64);
    expect(sight.slotAt(64, 12), 'data alone').to.equal(undefined);
    sight.touched(RING_OFFSET.rspEvent);
    expect(sight.slotAt(64, 12)).to.equal(TX_RING);
    expect(sight.slotAt(64 + 3 * 8, 8)).to.equal(RX_RING);
    expect(sight.slotAt(64 + 16, 16)).to.equal(CTRL_RING);
    for (const [offset, length] of [
      [63, 12],
      [65, 12],
      [0, 8],
      [64, 4],
    ] as const) {
      expect(sight.slotAt(offset, length), `${length} bytes at ${offset}`).to.equal(undefined);
    }
  });
});
