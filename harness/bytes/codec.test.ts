import { expect } from 'chai';
import { decodeArray, encodeArray, nameOf, printFlags, printNamed, struct } from './codec.js';
import { hex, reasonOf, valueOf } from '../protocol/rings.fixture.js';

const SAMPLE = struct('sample', 10, { a: [0, 'u8'], b: [1, 'u8'], c: [2, 'u16'], d: [4, 's16'], e: [6, 'u32'] });

describe('protocol/codec', () => {
  it('encodes fields little-endian at their offsets', () => {
    const value = { a: 0x01, b: 0xff, c: 0x0203, d: -2, e: 0x89abcdef };
    expect(SAMPLE.encode(value)).to.deep.equal(hex('01 ff 0302 feff efcdab89'));
    expect(valueOf(SAMPLE.decode(hex('01 ff 0302 feff efcdab89')))).to.deep.equal(value);
  });

  it('decodes bytes inside a larger buffer', () => {
    const outer = hex('aaaaaa 01 ff 0302 feff efcdab89 aaaa');
    expect(valueOf(SAMPLE.decode(outer.subarray(3))).e).to.equal(0x89abcdef);
  });

  it('leaves the bytes between fields 0', () => {
    expect(struct('gap', 8, { only: [4, 'u16'] }).encode({ only: 0xffff })).to.deep.equal(hex('00000000 ffff 0000'));
  });

  it('returns a reason for too few bytes', () => {
    expect(reasonOf(SAMPLE.decode(new Uint8Array(9)))).to.equal('sample: 9 bytes of 10');
  });

  const zero = { a: 0, b: 0, c: 0, d: 0, e: 0 };
  for (const [field, value] of [
    ['a', 256],
    ['a', -1],
    ['c', 0x10000],
    ['d', 0x8000],
    ['d', -0x8001],
    ['e', 2 ** 32],
    ['e', 0.5],
    ['e', NaN],
  ] as const) {
    it(`refuses to encode ${value} as ${field}`, () => {
      expect(() => SAMPLE.encode({ ...zero, [field]: value })).to.throw(RangeError, `sample: ${field}`);
    });
  }

  const ENTRY = struct('entry', 2, { n: [0, 'u16'] });

  it('encodes and decodes arrays up to their limit', () => {
    expect(encodeArray(ENTRY, [{ n: 1 }, { n: 0x0203 }], 2)).to.deep.equal(hex('0100 0302'));
    expect(() => encodeArray(ENTRY, [{ n: 1 }, { n: 2 }], 1)).to.throw(RangeError, '2 entries');
    expect(valueOf(decodeArray(ENTRY, hex('0100 0302 ffff'), 2, 2))).to.deep.equal([{ n: 1 }, { n: 0x0203 }]);
    expect(valueOf(decodeArray(ENTRY, hex(''), 0, 2))).to.deep.equal([]);
  });

  it('returns a reason for an invalid array length', () => {
    expect(reasonOf(decodeArray(ENTRY, hex('0100 0302 ffff'), 3, 2))).to.equal('entry: 3 entries, expected 0 to 2');
    expect(reasonOf(decodeArray(ENTRY, hex('0100 03'), 2, 2))).to.equal('entry 1: entry: 1 bytes of 2');
    expect(reasonOf(decodeArray(ENTRY, hex('0100'), -1, 2))).to.contain('-1 entries');
    expect(reasonOf(decodeArray(ENTRY, hex('0100'), NaN, 2))).to.contain('NaN entries');
  });

  it('prints the names of values in the header', () => {
    const table = { okay: 0, notSupported: 1 };
    expect(nameOf(table, 1)).to.equal('not_supported');
    expect(nameOf(table, 2)).to.equal(undefined);
    expect(printNamed(table, 0)).to.equal('0 (okay)');
    expect(printNamed(table, 7)).to.equal('7');
  });

  it('prints flags by name and unknown bits in hex', () => {
    const table = { csumBlank: 1, moreData: 4 };
    expect(printFlags(table, 0)).to.equal('0');
    expect(printFlags(table, 5)).to.equal('csum_blank|more_data');
    expect(printFlags(table, 0x8044)).to.equal('more_data|0x8040');
    expect(printFlags(table, 0x80000000)).to.equal('0x80000000');
  });
});
