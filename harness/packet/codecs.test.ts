import { expect } from 'chai';
import fc from 'fast-check';
import type { Decoded } from '../bytes/codec.js';
import { decodeArp, encodeArp } from './arp.js';
import { sameBytes } from '../bytes/bytes.js';
import { decodeEthernet, encodeEthernet } from './ethernet.js';
import { decodeFrame } from './frame.js';
import type { Frame } from './frame.js';
import { decodeEcho, decodeIcmp, decodeIcmpv6, encodeEcho, encodeIcmp, encodeIcmpv6 } from './icmp.js';
import { decodeIpv4, encodeIpv4 } from './ipv4.js';
import { decodeIpv6, encodeIpv6 } from './ipv6.js';
import { decodeNeighbour, encodeNeighbour } from './neighbour.js';
import { fromHex, SAMPLE } from './samples.fixture.js';
import { decodeTcp, encodeTcp, TCP_FLAG } from './tcp.js';
import { decodeUdp, encodeUdp } from './udp.js';

const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);
const bytesOf = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const mac = bytesOf(6);
const payload = fc.uint8Array({ maxLength: 100 });
const options = fc.nat(10).chain((words) => bytesOf(4 * words));
const addresses = fc
  .constantFrom(4, 16)
  .chain((length) => fc.record({ source: bytesOf(length), destination: bytesOf(length) }));
const anyChecksum = fc.constantFrom('complete' as const, 'blank' as const, 'corrupt' as const);
const soundOrNot = fc.constantFrom('complete' as const, 'corrupt' as const);

function valueOf<T>(it: Decoded<T>): T {
  if (!it.ok) throw new Error(it.reason);
  return it.value;
}

function reasonOf(it: Decoded<unknown>): string | undefined {
  return it.ok ? undefined : it.reason;
}

function frameOf<K extends Frame['kind']>(kind: K, bytes: Uint8Array): Extract<Frame, { kind: K }> {
  const frame = valueOf(decodeFrame(bytes));
  if (frame.kind !== kind) throw new Error(`${frame.kind} instead of ${kind}`);
  return frame as Extract<Frame, { kind: K }>;
}

/** Encodes all layers of a decoded frame. */
function encodeAgain(frame: Frame): Uint8Array {
  return encodeEthernet({ ...frame.ethernet, payload: encodeNetwork(frame) });
}

function encodeNetwork(frame: Frame): Uint8Array {
  if (frame.kind === 'other') return frame.ethernet.payload;
  if (frame.kind === 'arp') return encodeArp(frame.arp);
  const { ip } = frame;
  const inner = encodeTransport(frame);
  return ip.version === 4 ? encodeIpv4({ ...ip, payload: inner }) : encodeIpv6({ ...ip, payload: inner });
}

function encodeTransport(frame: Exclude<Frame, { kind: 'arp' | 'other' }>): Uint8Array {
  switch (frame.kind) {
    case 'icmp':
      return encodeIcmp(frame.icmp);
    case 'icmpv6':
      return encodeIcmpv6(frame.icmp, frame.ip);
    case 'tcp':
      return encodeTcp(frame.tcp, frame.ip);
    case 'udp':
      return encodeUdp(frame.udp, frame.ip);
    case 'ip':
      return frame.ip.payload;
  }
}

/** `bytes` with some of them replaced, from `offset` on. */
function patched(bytes: Uint8Array, offset: number, hex: string): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(fromHex(hex), offset);
  return copy;
}

describe('packet codecs', () => {
  describe('on frames from a kernel', () => {
    for (const [name, bytes] of Object.entries(SAMPLE)) {
      it(`encodes ${name} byte for byte`, () => {
        expect(encodeAgain(valueOf(decodeFrame(bytes)))).to.deep.equal(bytes);
      });
      it(`leaves the padding out of ${name}`, () => {
        const padded = new Uint8Array(bytes.length + 18).fill(0xee);
        padded.set(bytes);
        expect(encodeAgain(valueOf(decodeFrame(padded)))).to.deep.equal(bytes);
      });
      it(`gives a reason when ${name} is truncated`, () => {
        for (let length = 0; length < bytes.length; length++)
          expect(reasonOf(decodeFrame(bytes.subarray(0, length))), `${length} bytes`).to.be.a('string');
      });
    }

    it('reads ARP', () => {
      expect(frameOf('arp', SAMPLE.arpReply).arp).to.deep.equal({
        operation: 2,
        senderMac: fromHex('00163e000001'),
        senderIpv4: fromHex('0a000001'),
        targetMac: fromHex('00163e000002'),
        targetIpv4: fromHex('0a000002'),
      });
    });

    it('decodes an echo', () => {
      const { ip, icmp } = frameOf('icmp', SAMPLE.echoReply4);
      expect(ip).to.include({ ttl: 64, protocol: 1, identification: 0x8c89, flags: 0, checksum: 'complete' });
      expect(icmp).to.include({ type: 0, code: 0, checksum: 'complete' });
      expect(valueOf(decodeEcho(icmp.body))).to.deep.equal({
        id: 7,
        seq: 1,
        payload: fromHex('dead0010ce1de346f0f22b49f7e1e7fc'),
      });
    });

    it('decodes an advertisement', () => {
      const { ip, icmp } = frameOf('icmpv6', SAMPLE.advertisement);
      expect(ip).to.include({ hopLimit: 255, flowLabel: 0 });
      expect(icmp).to.include({ type: 136, checksum: 'complete' });
      expect(valueOf(decodeNeighbour(136, icmp.body))).to.deep.equal({
        type: 136,
        flags: 3,
        target: fromHex('fe8000000000000002163efffe000001'),
        mac: fromHex('00163e000001'),
      });
    });

    it('skips an unknown option of a solicitation', () => {
      const { icmp } = frameOf('icmpv6', SAMPLE.solicitationOfProbe);
      expect(valueOf(decodeNeighbour(135, icmp.body))).to.deep.include({ flags: 0, mac: undefined });
    });

    it('reads a SYN', () => {
      const { ip, tcp } = frameOf('tcp', SAMPLE.syn4);
      expect(ip).to.include({ version: 4, flags: 2 });
      expect(tcp).to.include({
        sport: 0xbd86,
        dport: 80,
        seq: 0xf8787093,
        ack: 0,
        flags: TCP_FLAG.syn,
        window: 0xfaf0,
      });
      expect(tcp.options).to.have.length(20);
      expect(tcp.payload).to.have.length(0);
    });

    it('distinguishes complete checksums from blank ones', () => {
      expect(frameOf('udp', SAMPLE.udp4).udp.checksum).to.equal('complete');
      expect(frameOf('udp', SAMPLE.udp4Blank).udp.checksum).to.equal('blank');
      expect(frameOf('udp', SAMPLE.udp6Blank).udp.checksum).to.equal('blank');
      expect(frameOf('tcp', SAMPLE.syn4).tcp.checksum).to.equal('complete');
      expect(frameOf('tcp', SAMPLE.syn6Blank).tcp.checksum).to.equal('blank');
      expect(frameOf('tcp', SAMPLE.rst6).tcp.checksum).to.equal('complete');
    });

    it('does not decode extension headers', () => {
      expect(frameOf('ip', SAMPLE.multicastReport).ip).to.include({ version: 6, nextHeader: 0 });
    });
  });

  describe('on invalid fields', () => {
    const ipv4 = SAMPLE.echoReply4.subarray(14);
    const ipv6 = SAMPLE.echoRequest6.subarray(14);
    const loopback = { source: fromHex('7f000001'), destination: fromHex('7f000001') };
    const refused: [string, Decoded<unknown>, RegExp][] = [
      ['802.3', decodeEthernet(patched(SAMPLE.arpReply, 12, '05dc')), /802\.3/],
      ['ARP of another link', decodeArp(patched(SAMPLE.arpReply.subarray(14), 0, '0006')), /Ethernet/],
      ['ARP with long MACs', decodeArp(patched(SAMPLE.arpReply.subarray(14), 4, '08')), /Ethernet/],
      ['ARP of another protocol', decodeArp(patched(SAMPLE.arpReply.subarray(14), 2, '86dd')), /IPv4/],
      ['IPv4 of version 6', decodeIpv4(patched(ipv4, 0, '65')), /version 6/],
      ['IPv4 with a short header', decodeIpv4(patched(ipv4, 0, '44')), /header of 16/],
      ['IPv4 shorter than its header', decodeIpv4(patched(ipv4, 2, '0013')), /total length 19/],
      ['IPv4 longer than the frame', decodeIpv4(patched(ipv4, 2, '002d')), /total length 45/],
      ['IPv6 of version 4', decodeIpv6(patched(ipv6, 0, '45')), /version 4/],
      ['IPv6 longer than the frame', decodeIpv6(patched(ipv6, 4, '000a')), /payload length 10/],
      ['UDP shorter than its header', decodeUdp(fromHex('0001 0002 0007 0000'), loopback), /length 7/],
      ['UDP longer than its packet', decodeUdp(fromHex('0001 0002 0009 0000'), loopback), /length 9/],
      ['TCP with a short header', decodeTcp(patched(SAMPLE.rst4.subarray(34), 12, '40'), loopback), /header of 16/],
      ['TCP longer than its packet', decodeTcp(patched(SAMPLE.rst4.subarray(34), 12, '60'), loopback), /header of 24/],
      ['an option without length', decodeNeighbour(135, new Uint8Array(28)), /without length/],
      ['an option beyond the end', decodeNeighbour(135, patched(new Uint8Array(28), 20, '0102')), /beyond the end/],
    ];
    for (const [name, answer, reason] of refused)
      it(`refuses ${name}`, () => expect(reasonOf(answer)).to.match(reason));

    it('detects a changed bit anywhere under a checksum', () => {
      const { ip, icmp } = frameOf('icmp', patched(SAMPLE.echoReply4, 57, 'fd'));
      expect([ip.checksum, icmp.checksum]).to.deep.equal(['complete', 'corrupt']);
      expect(frameOf('icmp', patched(SAMPLE.echoReply4, 22, '3f')).ip.checksum).to.equal('corrupt');
      expect(frameOf('icmpv6', patched(SAMPLE.echoRequest6, 22, 'ff')).icmp.checksum).to.equal('corrupt');
      expect(frameOf('tcp', patched(SAMPLE.syn4, 40, '00')).tcp.checksum).to.equal('corrupt');
      expect(frameOf('tcp', patched(SAMPLE.syn6Blank, 70, '0031')).tcp.checksum).to.equal('corrupt');
      expect(frameOf('udp', patched(SAMPLE.udp4, 46, '70')).udp.checksum).to.equal('corrupt');
      expect(frameOf('udp', patched(SAMPLE.udp4, 40, '0000')).udp.checksum).to.equal('none');
    });

    it('accepts a UDP datagram that is shorter than its packet', () => {
      const ends = { source: fromHex('7f000001'), destination: fromHex('7f000001') };
      const datagram = encodeUdp({ sport: 1, dport: 2, checksum: 'complete', payload: fromHex('abcd') }, ends);
      const longer = Uint8Array.from([...datagram, 1, 2, 3]);
      expect(decodeUdp(longer, ends)).to.deep.equal(decodeUdp(datagram, ends));
    });

    it('sends a UDP checksum of zero in its other form', () => {
      const { ip, udp } = frameOf('udp', SAMPLE.udp4);
      const without = encodeUdp({ ...udp, payload: fromHex('0000') }, ip);
      const bytes = encodeUdp({ ...udp, payload: without.slice(6, 8) }, ip);
      expect(bytes.slice(6, 8)).to.deep.equal(fromHex('ffff'));
      expect(decodeUdp(bytes, ip)).to.have.nested.property('value.checksum', 'complete');
    });

    it('does not decode fragments', () => {
      expect(frameOf('ip', patched(SAMPLE.syn4, 20, '2000')).ip).to.include({ version: 4, flags: 1 });
      expect(frameOf('ip', patched(SAMPLE.syn4, 20, '0001')).ip).to.include({ version: 4, fragmentOffset: 1 });
    });

    it('throws on values that do not fit the header', () => {
      const { ip, tcp } = frameOf('tcp', SAMPLE.syn4);
      const packet = frameOf('icmp', SAMPLE.echoReply4).ip;
      expect(() => encodeTcp({ ...tcp, sport: 65536 }, ip)).to.throw(RangeError);
      expect(() => encodeTcp({ ...tcp, options: new Uint8Array(3) }, ip)).to.throw(RangeError);
      expect(() => encodeTcp({ ...tcp, options: new Uint8Array(44) }, ip)).to.throw(RangeError);
      expect(() => encodeIpv4({ ...packet, payload: new Uint8Array(65516) })).to.throw(RangeError);
      expect(() => encodeIpv4({ ...packet, source: new Uint8Array(16) })).to.throw(RangeError);
    });
  });

  describe('on any values', () => {
    it('Ethernet survives a round trip', () => {
      const any = fc.record({
        destination: mac,
        source: mac,
        etherType: fc.integer({ min: 0x600, max: 0xffff }),
        payload,
      });
      fc.assert(
        fc.property(any, (it) => {
          expect(valueOf(decodeEthernet(encodeEthernet(it)))).to.deep.equal(it);
        }),
      );
    });

    it('ARP comes back', () => {
      const ipv4 = bytesOf(4);
      const any = fc.record({ operation: u16, senderMac: mac, senderIpv4: ipv4, targetMac: mac, targetIpv4: ipv4 });
      fc.assert(
        fc.property(any, (it) => {
          expect(valueOf(decodeArp(encodeArp(it)))).to.deep.equal(it);
        }),
      );
    });

    it('IPv4 comes back', () => {
      const any = fc.record({
        version: fc.constant(4 as const),
        typeOfService: u8,
        identification: u16,
        flags: fc.nat(7),
        fragmentOffset: fc.nat(0x1fff),
        ttl: u8,
        protocol: u8,
        checksum: soundOrNot,
        source: bytesOf(4),
        destination: bytesOf(4),
        options,
        payload,
      });
      fc.assert(
        fc.property(any, (it) => {
          expect(valueOf(decodeIpv4(encodeIpv4(it)))).to.deep.equal(it);
        }),
      );
    });

    it('IPv6 comes back', () => {
      const any = fc.record({
        version: fc.constant(6 as const),
        trafficClass: u8,
        flowLabel: fc.nat(0xfffff),
        nextHeader: u8,
        hopLimit: u8,
        source: bytesOf(16),
        destination: bytesOf(16),
        payload,
      });
      fc.assert(
        fc.property(any, (it) => {
          expect(valueOf(decodeIpv6(encodeIpv6(it)))).to.deep.equal(it);
        }),
      );
    });

    it('ICMP and ICMPv6 come back', () => {
      // The checksum of an IPv4 message of zeros can't be distinguished from a wrong one.
      const any = fc.record({ type: fc.integer({ min: 1, max: 255 }), code: u8, checksum: soundOrNot, body: payload });
      fc.assert(
        fc.property(any, addresses, (it, ends) => {
          expect(valueOf(decodeIcmp(encodeIcmp(it)))).to.deep.equal(it);
          expect(valueOf(decodeIcmpv6(encodeIcmpv6(it, ends), ends))).to.deep.equal(it);
        }),
      );
    });

    it('echoes and neighbour messages survive a round trip', () => {
      const echo = fc.record({ id: u16, seq: u16, payload });
      fc.assert(
        fc.property(echo, (it) => {
          expect(valueOf(decodeEcho(encodeEcho(it)))).to.deep.equal(it);
        }),
      );
      const neighbour = fc.record({
        type: fc.constantFrom(135 as const, 136 as const),
        flags: fc.nat(7),
        target: bytesOf(16),
        mac: fc.option(mac, { nil: undefined }),
      });
      fc.assert(
        fc.property(neighbour, (it) => {
          expect(valueOf(decodeNeighbour(it.type, encodeNeighbour(it)))).to.deep.equal(it);
        }),
      );
    });

    it('UDP comes back', () => {
      const any = fc.record({
        sport: u16,
        dport: u16,
        checksum: fc.oneof(anyChecksum, fc.constant('none' as const)),
        payload,
      });
      fc.assert(
        fc.property(any, addresses, (it, ends) => {
          const bytes = encodeUdp(it, ends);
          // In one of 65535 frames the blank checksum is also the complete one.
          const complete = encodeUdp({ ...it, checksum: 'complete' }, ends);
          fc.pre(it.checksum !== 'blank' || !sameBytes(bytes, complete));
          expect(valueOf(decodeUdp(bytes, ends))).to.deep.equal(it);
        }),
      );
    });

    it('TCP comes back', () => {
      const any = fc.record({
        sport: u16,
        dport: u16,
        seq: u32,
        ack: u32,
        flags: fc.nat(0xfff),
        window: u16,
        urgent: u16,
        checksum: anyChecksum,
        options,
        payload,
      });
      fc.assert(
        fc.property(any, addresses, (it, ends) => {
          const bytes = encodeTcp(it, ends);
          // In one of 65535 frames the blank checksum is also the complete one.
          const complete = encodeTcp({ ...it, checksum: 'complete' }, ends);
          fc.pre(it.checksum !== 'blank' || !sameBytes(bytes, complete));
          expect(valueOf(decodeTcp(bytes, ends))).to.deep.equal(it);
        }),
      );
    });
  });

  describe('on any bytes', () => {
    const anyBytes = fc.uint8Array({ maxLength: 120 });
    const decoders: Record<string, (bytes: Uint8Array) => Decoded<unknown>> = {
      decodeEthernet,
      decodeArp,
      decodeIpv4,
      decodeIpv6,
      decodeIcmp,
      decodeEcho,
      decodeFrame,
      decodeSolicitation: (bytes) => decodeNeighbour(135, bytes),
      decodeAdvertisement: (bytes) => decodeNeighbour(136, bytes),
    };
    for (const [name, decode] of Object.entries(decoders)) {
      it(`${name} returns a value or a reason`, () => {
        fc.assert(
          fc.property(anyBytes, (bytes) => {
            expect(decode(bytes).ok).to.be.a('boolean');
          }),
        );
      });
    }

    it('decodeIcmpv6, decodeTcp and decodeUdp return a value or a reason', () => {
      fc.assert(
        fc.property(anyBytes, addresses, (bytes, ends) => {
          for (const decode of [decodeIcmpv6, decodeTcp, decodeUdp]) expect(decode(bytes, ends).ok).to.be.a('boolean');
        }),
      );
    });

    it('damaged kernel frames decode to a value or a reason, and to no extra bytes', () => {
      const damage = fc.array(fc.tuple(fc.nat(120), u8), { minLength: 1, maxLength: 4 });
      fc.assert(
        fc.property(fc.constantFrom(...Object.values(SAMPLE)), damage, (sample, changes) => {
          const bytes = Uint8Array.from(sample);
          for (const [offset, value] of changes) bytes[offset % bytes.length] = value;
          const it = decodeFrame(bytes);
          if (it.ok) expect(encodeAgain(it.value).length).to.be.at.most(bytes.length);
          else expect(it.reason).to.be.a('string');
        }),
        { numRuns: 2000 },
      );
    });
  });

  it('compares bytes', () => {
    expect(sameBytes(fromHex('0102'), fromHex('0102'))).to.equal(true);
    expect(sameBytes(fromHex('0102'), fromHex('0103'))).to.equal(false);
    expect(sameBytes(fromHex('0102'), fromHex('010203'))).to.equal(false);
  });
});
