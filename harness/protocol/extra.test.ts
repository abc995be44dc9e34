import { expect } from 'chai';
import fc from 'fast-check';
import { type Extra, decodeExtra, decodeExtraHeader, encodeExtra, printExtra } from './extra.js';
import { expectRoundTrip, expectSurvival, hex, reasonOf, u16, u32, u8, valueOf } from './rings.fixture.js';

const EXAMPLES: readonly (readonly [Extra, bytes: string, line: string])[] = [
  [
    { type: 'gso', flags: 1, size: 1448, gsoType: 1, pad: 0xaa, features: 0x0102 },
    '01 01 a805 01 aa 0201',
    'gso extra size 1448 type 1 (tcpv4) pad 170 features 258 flags more',
  ],
  [
    { type: 'mcast-add', flags: 0, address: hex('01005e000001') },
    '02 00 01005e000001',
    'mcast-add extra 01:00:5e:00:00:01 flags 0',
  ],
  [
    { type: 'mcast-del', flags: 1, address: hex('333300000016') },
    '03 01 333300000016',
    'mcast-del extra 33:33:00:00:00:16 flags more',
  ],
  [
    { type: 'hash', flags: 0, hashType: 3, algorithm: 1, value: 0x51ccc178 },
    '04 00 03 01 78c1cc51',
    'hash extra type 3 (ipv6_tcp) algorithm 1 (toeplitz) value 0x51ccc178 flags 0',
  ],
  [
    { type: 'xdp', flags: 0x82, headroom: 0x0100, pad: 0xdeadbeef },
    '05 82 0001 efbeadde',
    'xdp extra headroom 256 pad 3735928559 flags 0x82',
  ],
];

const address = fc.uint8Array({ minLength: 6, maxLength: 6 });
const anyExtra: fc.Arbitrary<Extra> = fc.oneof(
  fc.record({ type: fc.constant('gso'), flags: u8, size: u16, gsoType: u8, pad: u8, features: u16 }),
  fc.record({ type: fc.constantFrom('mcast-add', 'mcast-del'), flags: u8, address }),
  fc.record({ type: fc.constant('hash'), flags: u8, hashType: u8, algorithm: u8, value: u32 }),
  fc.record({ type: fc.constant('xdp'), flags: u8, headroom: u16, pad: u32 }),
);

describe('protocol/extra', () => {
  for (const [extra, bytes, line] of EXAMPLES) {
    it(`encodes, decodes and prints ${extra.type}`, () => {
      expect(encodeExtra(extra)).to.deep.equal(hex(bytes));
      expect(valueOf(decodeExtra(hex(bytes)))).to.deep.equal(extra);
      expect(printExtra(extra)).to.equal(line);
    });
  }

  it('decodes what it encoded, whatever follows in the slot', () => {
    expectRoundTrip(anyExtra, encodeExtra, decodeExtra);
  });

  it('accepts any bytes and preserves every byte of the known types', () => {
    expectSurvival(8, decodeExtra);
    expectSurvival(8, decodeExtraHeader);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.uint8Array({ minLength: 7, maxLength: 7 }), (type, rest) => {
        const bytes = Uint8Array.of(type, ...rest);
        expect(encodeExtra(valueOf(decodeExtra(bytes)))).to.deep.equal(bytes);
      }),
    );
  });

  it('returns a reason for type 0 and for unknown types', () => {
    expect(reasonOf(decodeExtra(hex('00 00 0000 00000000')))).to.contain('type 0 (none)');
    for (const type of [6, 9, 255]) {
      expect(reasonOf(decodeExtra(Uint8Array.of(type, 0, 0, 0, 0, 0, 0, 0)))).to.equal(
        `extra info of unknown type ${type}`,
      );
    }
  });

  it('decodes the header of an unknown type', () => {
    expect(valueOf(decodeExtraHeader(hex('09 01 0000 00000000')))).to.deep.equal({ type: 9, flags: 1 });
  });

  it('copies the address', () => {
    const bytes = hex('02 00 01005e000001');
    const extra = valueOf(decodeExtra(bytes));
    bytes.fill(0xff);
    expect(extra).to.deep.include({ address: hex('01005e000001') });
  });

  it('refuses to encode an address that is not 6 bytes', () => {
    expect(() => encodeExtra({ type: 'mcast-add', flags: 0, address: hex('0102030405') })).to.throw(RangeError);
    expect(() => encodeExtra({ type: 'mcast-del', flags: 0, address: hex('01020304050607') })).to.throw(RangeError);
  });
});
