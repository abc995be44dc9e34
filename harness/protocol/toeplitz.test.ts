import { expect } from 'chai';
import fc from 'fast-check';
import { hashInput, toeplitz } from './toeplitz.js';
import { hex } from './rings.fixture.js';

/** The key that Microsoft publishes with its verification suite for receive side scaling. */
const KEY = hex('6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa');

interface Vector {
  readonly name: string;
  readonly src: Uint8Array;
  readonly sport: number;
  readonly dst: Uint8Array;
  readonly dport: number;
  /** Expected hashes, in the order of the table. */
  readonly hashes: readonly number[];
}

// Source, port, destination, port; hash of the addresses, of addresses and ports; of either with the key cut to 8
// octets (the ports lie beyond it), of both with the key cut to 12; of the way back: addresses, addresses and ports.
const V4 = table(`
  66.9.149.187   2794  161.142.100.80 1766  323e8fc2 51ccc178 30becf14 4882b052 ba45587e fde799b2
  199.92.111.2   14230 65.69.140.83   4739  d718262a c626b0ea e577d954 f74ed856 6fbcad07 e53c74e8
  24.19.198.95   12898 12.22.207.184  38024 d2d0a5de 5c2b394a d5b51c03 58589982 f6e02bf3 a802b849
  38.27.205.30   48228 209.142.163.6  2217  82989176 afc7327f 9adc0e3e 8b65d327 a7728522 e1dfcdff
  153.39.163.191 44251 202.188.127.2  1303  5d1809c5 10e828a2 4d7e934d 2b91f37c c197330c 15d05e13
`);

// Source, port, destination, port; hash of the addresses, of addresses and ports.
const V6 = table(`
  3ffe:2501:0200:1fff:0000:0000:0000:0007 2794  3ffe:2501:0200:0003:0000:0000:0000:0001 1766  2cc18cd5 40207d3d
  3ffe:0501:0008:0000:0260:97ff:fe40:efab 14230 ff02:0000:0000:0000:0000:0000:0000:0001 4739  0f0c461c dde51bbf
  3ffe:1900:4545:0003:0200:f8ff:fe21:67cf 44251 fe80:0000:0000:0000:0200:f8ff:fe21:67cf 38024 4b61e985 02d1feef
`);

function table(text: string): Vector[] {
  const lines = text.trim().split('\n');
  return lines.map((line) => {
    const [src = '', sport, dst = '', dport, ...hashes] = line.trim().split(/ +/);
    return {
      name: `${src} to ${dst}`,
      src: addressBytes(src),
      sport: Number(sport),
      dst: addressBytes(dst),
      dport: Number(dport),
      hashes: hashes.map((hash) => Number.parseInt(hash, 16)),
    };
  });
}

function addressBytes(address: string): Uint8Array {
  return address.includes(':') ? hex(address.replaceAll(':', '')) : Uint8Array.from(address.split('.'), Number);
}

function addressesOf({ src, dst }: Vector): Uint8Array {
  return hashInput({ src, dst });
}

function tcpOf({ src, dst, sport, dport }: Vector): Uint8Array {
  return hashInput({ src, dst, sport, dport });
}

function reversed(vector: Vector): Vector {
  return { ...vector, src: vector.dst, dst: vector.src, sport: vector.dport, dport: vector.sport };
}

describe('protocol/toeplitz', () => {
  for (const vector of [...V4, ...V6]) {
    it(`hashes ${vector.name}`, () => {
      const [addresses, tcp] = vector.hashes;
      expect(toeplitz(KEY, addressesOf(vector))).to.equal(addresses);
      expect(toeplitz(KEY, tcpOf(vector))).to.equal(tcp);
    });
  }

  for (const vector of V4) {
    it(`hashes ${vector.name} with short keys`, () => {
      const [addresses, tcp, cutTo8, cutTo12] = vector.hashes;
      expect(toeplitz(KEY.subarray(0, 8), addressesOf(vector))).to.equal(cutTo8);
      expect(toeplitz(KEY.subarray(0, 8), tcpOf(vector))).to.equal(cutTo8);
      expect(toeplitz(KEY.subarray(0, 12), addressesOf(vector))).to.equal(addresses);
      expect(toeplitz(KEY.subarray(0, 12), tcpOf(vector))).to.equal(cutTo12);
      expect(toeplitz(KEY.subarray(0, 16), tcpOf(vector))).to.equal(tcp);
    });

    it(`hashes the reverse direction of ${vector.name}`, () => {
      const [, , , , addresses, tcp] = vector.hashes;
      expect(toeplitz(KEY, addressesOf(reversed(vector)))).to.equal(addresses);
      expect(toeplitz(KEY, tcpOf(reversed(vector)))).to.equal(tcp);
    });
  }

  for (const [input, hash] of [
    ['80000000', 0x6d5a56da],
    ['00000001', 0x12ad8761],
    ['00000080', 0xda255b0e],
    ['', 0],
  ] as const) {
    it(`hashes the bytes "${input}"`, () => {
      expect(toeplitz(KEY, hex(input))).to.equal(hash);
    });
  }

  it('returns 0 for an empty key', () => {
    for (const vector of [...V4, ...V6]) expect(toeplitz(new Uint8Array(0), tcpOf(vector))).to.equal(0);
  });

  it('treats a short key as padded with zeros', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), fc.uint8Array({ maxLength: 36 }), (key, input) => {
        const padded = new Uint8Array(40);
        padded.set(key);
        expect(toeplitz(key, input)).to.equal(toeplitz(padded, input));
      }),
    );
  });

  it('is linear in its input', () => {
    const bytes = fc.uint8Array({ minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        const both = a.map((byte, index) => byte ^ (b[index] ?? 0));
        expect(toeplitz(KEY, both)).to.equal((toeplitz(KEY, a) ^ toeplitz(KEY, b)) >>> 0);
      }),
    );
  });

  it('puts source before destination and ports in network byte order', () => {
    const tuple = { src: hex('01020304'), dst: hex('05060708') };
    expect(hashInput(tuple)).to.deep.equal(hex('01020304 05060708'));
    expect(hashInput({ ...tuple, sport: 0x1122, dport: 0x3344 })).to.deep.equal(hex('01020304 05060708 1122 3344'));
  });

  it('refuses tuples of an unknown shape', () => {
    const v4 = hex('01020304');
    expect(() => hashInput({ src: v4, dst: new Uint8Array(16) })).to.throw(RangeError, '4 and 16 bytes');
    expect(() => hashInput({ src: new Uint8Array(6), dst: new Uint8Array(6) })).to.throw(RangeError);
    expect(() => hashInput({ src: v4, dst: v4, sport: 1 })).to.throw(RangeError, 'one port');
    expect(() => hashInput({ src: v4, dst: v4, dport: 1 })).to.throw(RangeError, 'one port');
    expect(() => hashInput({ src: v4, dst: v4, sport: 65536, dport: 1 })).to.throw(RangeError, '65536');
  });
});
