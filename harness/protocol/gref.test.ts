import { expect } from 'chai';
import fc from 'fast-check';
import { decodeGref, decodeGrefList, encodeGref, encodeGrefList, printGref } from './gref.js';
import { expectLossless, expectRoundTrip, expectSurvival, hex, reasonOf, u16, u32, valueOf } from './rings.fixture.js';

describe('protocol/gref', () => {
  const gref = { ref: 0x01020304, flags: 1, status: 2 };

  it('encodes and decodes an entry', () => {
    expect(encodeGref(gref)).to.deep.equal(hex('04030201 0100 0200'));
    expect(valueOf(decodeGref(hex('04030201 0100 0200')))).to.deep.equal(gref);
    expectRoundTrip(fc.record({ ref: u32, flags: u16, status: u16 }), encodeGref, decodeGref);
  });

  it('accepts any bytes and preserves all of them', () => {
    expectSurvival(8, decodeGref);
    expectLossless(8, encodeGref, decodeGref);
  });

  it('prints one line', () => {
    expect(printGref(gref)).to.equal('gref 16909060 flags readonly status 2 (invalid_parameter)');
  });

  it('encodes and decodes a list of up to a page', () => {
    const list = [gref, { ref: 9, flags: 0, status: 0xffff }];
    expect(encodeGrefList(list)).to.deep.equal(hex('04030201 0100 0200 09000000 0000 ffff'));
    expect(valueOf(decodeGrefList(hex('04030201 0100 0200 09000000 0000 ffff'), 2))).to.deep.equal(list);
    const full = Array.from({ length: 512 }, (_, ref) => ({ ref, flags: 0, status: 0 }));
    expect(encodeGrefList(full)).to.have.length(4096);
    expect(valueOf(decodeGrefList(encodeGrefList(full), 512))).to.deep.equal(full);
    expect(valueOf(decodeGrefList(new Uint8Array(0), 0))).to.deep.equal([]);
    expect(() => encodeGrefList([...full, gref])).to.throw(RangeError, '513 entries');
    for (const count of [513, 0xffffffff, -1]) {
      expect(reasonOf(decodeGrefList(new Uint8Array(8192), count))).to.contain(`${count} entries`);
    }
    expect(reasonOf(decodeGrefList(new Uint8Array(4095), 512))).to.contain('entry 511');
  });
});
