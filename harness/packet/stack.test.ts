import { expect } from 'chai';
import fc from 'fast-check';
import {
  arpReply,
  arpRequest,
  linkLocal,
  neighbourAdvertisement,
  neighbourSolicitation,
  noncePayload,
  ping4,
  ping6,
  pong4,
  pong6,
  tcpRst,
  tcpSyn,
  udp4,
} from './build.js';
import type { Host } from './build.js';
import { encodeEthernet } from './ethernet.js';
import { decodeFrame } from './frame.js';
import { encodeIcmpv6 } from './icmp.js';
import { encodeIpv6 } from './ipv6.js';
import { SAMPLE } from './samples.fixture.js';
import { Stack } from './stack.js';

function host(number: number): Host {
  const mac = Uint8Array.of(0, 0x16, 0x3e, 0, 0, number);
  return { mac, ipv4: Uint8Array.of(10, 0, 0, number), ipv6: linkLocal(mac) };
}

const ASKER = host(1);
const SELF = host(2);
const OTHER = host(3);
const SYN = { sport: 1234, dport: 80, seq: 0xffffffff };

const echo = (length: number): { id: number; seq: number; payload: Uint8Array } => ({
  id: 0x1234,
  seq: length % 0x10000,
  payload: noncePayload(length, length),
});

/** A copy with the bits of `mask` inverted in one byte; a negative offset counts from the end. */
function flipped(frame: Uint8Array, offset: number, mask: number): Uint8Array {
  const copy = Uint8Array.from(frame);
  const at = offset < 0 ? copy.length + offset : offset;
  copy[at] = (copy[at] ?? 0) ^ mask;
  return copy;
}

/** A copy with `byte` at `offset`. */
function patched(frame: Uint8Array, offset: number, byte: number): Uint8Array {
  return flipped(frame, offset, (frame[offset] ?? 0) ^ byte);
}

/** The same frame from another MAC; addresses in its payload are unchanged. */
function sentFrom(mac: Uint8Array, frame: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(frame);
  copy.set(mac, 6);
  return copy;
}

/** The same ICMP echo with code 1 and a correct checksum. */
function withCode1(frame: Uint8Array, icmp: number): Uint8Array {
  const copy = patched(frame, icmp + 1, 1);
  const fields = new DataView(copy.buffer);
  fields.setUint16(icmp + 2, fields.getUint16(icmp + 2) - 1);
  return copy;
}

/** A probe of the address of `owner`, like the one in the samples, but sent to the address instead of its group. */
function unicastProbe(owner: Host): Uint8Array {
  const frame = decodeFrame(SAMPLE.solicitationOfProbe);
  if (!frame.ok || frame.value.kind !== 'icmpv6') throw new Error('the sample is no ICMPv6');
  const { ethernet, ip, icmp } = frame.value;
  const packet = { ...ip, destination: owner.ipv6 };
  return encodeEthernet({
    ...ethernet,
    payload: encodeIpv6({ ...packet, payload: encodeIcmpv6(icmp, packet) }),
  });
}

/** The same frame, to another MAC. */
function sentTo(mac: Uint8Array, frame: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(frame);
  copy.set(mac);
  return copy;
}

describe('the reference stack', () => {
  const stack = new Stack(SELF);

  describe('replies to', () => {
    it('ARP, by broadcast and to itself', () => {
      const request = arpRequest(ASKER, SELF.ipv4);
      expect(stack.receive(request)).to.deep.equal([arpReply(SELF, ASKER)]);
      expect(stack.receive(sentTo(SELF.mac, request))).to.deep.equal([arpReply(SELF, ASKER)]);
    });

    it('an ARP probe', () => {
      const prober = { ...ASKER, ipv4: new Uint8Array(4) };
      expect(stack.receive(arpRequest(prober, SELF.ipv4))).to.deep.equal([arpReply(SELF, prober)]);
    });

    it('a solicitation, by multicast', () => {
      expect(stack.receive(neighbourSolicitation(ASKER, SELF.ipv6))).to.deep.equal([
        neighbourAdvertisement(SELF, ASKER),
      ]);
    });

    it('a probe of its address, to all nodes', () => {
      expect(new Stack(ASKER).receive(SAMPLE.solicitationOfProbe)).to.deep.equal([
        neighbourAdvertisement(ASKER, undefined),
      ]);
    });

    for (const length of [0, 1, 56, 1472, 4096, 65507]) {
      it(`pings of ${length} bytes`, () => {
        const it = echo(length);
        expect(stack.receive(ping4(ASKER, SELF, it))).to.deep.equal([pong4(SELF, ASKER, it)]);
        expect(stack.receive(ping6(ASKER, SELF, it))).to.deep.equal([pong6(SELF, ASKER, it)]);
      });
    }

    it('a ping without the padding of its frame', () => {
      const it = echo(1);
      const padded = new Uint8Array(60).fill(0xee);
      padded.set(ping4(ASKER, SELF, it));
      expect(stack.receive(padded)).to.deep.equal([pong4(SELF, ASKER, it)]);
    });

    it('a SYN with the reset of its 4-tuple, over both IP versions', () => {
      const { mac, ipv4, ipv6 } = ASKER;
      const reset = { ...SYN, length: 0 };
      expect(stack.receive(tcpSyn(ASKER, SELF, SYN))).to.deep.equal([tcpRst(SELF, { mac, ipv4 }, reset)]);
      expect(stack.receive(tcpSyn(ASKER, SELF, { ...SYN, ipv6: true }))).to.deep.equal([
        tcpRst(SELF, { mac, ipv6 }, reset),
      ]);
    });

    it('like the kernel whose frames are the samples', () => {
      expect(new Stack(ASKER).receive(tcpSyn(SELF, ASKER, SYN))).to.deep.equal([SAMPLE.rst4]);
      expect(new Stack(ASKER).receive(arpRequest(SELF, ASKER.ipv4))).to.deep.equal([SAMPLE.arpReply]);
      expect(new Stack(ASKER).receive(neighbourSolicitation(SELF, ASKER.ipv6))).to.deep.equal([SAMPLE.advertisement]);
    });

    it('a SYN with a blank checksum', () => {
      for (const ipv6 of [false, true]) {
        const syn = tcpSyn(ASKER, SELF, { ...SYN, ipv6, checksum: 'blank' });
        expect(stack.receive(syn, { csumBlank: true })).to.have.length(1);
        expect(stack.receive(syn, { csumBlank: false }), 'not told so').to.deep.equal([]);
        expect(stack.receive(syn), 'not told so').to.deep.equal([]);
      }
    });
  });

  describe('does not reply to', () => {
    const echo56 = echo(56);
    const syn4 = tcpSyn(ASKER, SELF, SYN);
    const nobody = { ...ASKER, ipv4: new Uint8Array(4), ipv6: new Uint8Array(16) };
    const group = { ...ASKER, ipv4: Uint8Array.of(224, 0, 0, 1), ipv6: Uint8Array.of(0xff, 2, ...new Uint8Array(14)) };
    const multicaster = { ...ASKER, mac: Uint8Array.of(1, 0, 0, 0, 0, 0) };
    const ignored: Record<string, Uint8Array> = {
      'ARP for another': arpRequest(ASKER, OTHER.ipv4),
      'an ARP reply': arpReply(ASKER, SELF),
      'a solicitation of another': neighbourSolicitation(ASKER, OTHER.ipv6),
      'an advertisement': neighbourAdvertisement(ASKER, SELF),
      'a solicitation that crossed a router': flipped(neighbourSolicitation(ASKER, SELF.ipv6), 21, 1),
      'a solicitation with a bad checksum': flipped(neighbourSolicitation(ASKER, SELF.ipv6), -1, 1),
      'a probe that tells a MAC': neighbourSolicitation(nobody, SELF.ipv6),
      'an IPv4 ping to another MAC': ping4(ASKER, { ...SELF, mac: OTHER.mac }, echo56),
      'an IPv4 ping to another address': ping4(ASKER, { ...SELF, ipv4: OTHER.ipv4 }, echo56),
      'an IPv6 ping to another address': ping6(ASKER, { ...SELF, ipv6: OTHER.ipv6 }, echo56),
      'an IPv4 ping from nobody': ping4(nobody, SELF, echo56),
      'an IPv6 ping from nobody': ping6(nobody, SELF, echo56),
      'an IPv4 ping from a group': ping4(group, SELF, echo56),
      'an IPv6 ping from a group': ping6(group, SELF, echo56),
      'a ping from a group MAC': ping4(multicaster, SELF, echo56),
      'ARP that tells a group MAC': sentFrom(ASKER.mac, arpRequest(multicaster, SELF.ipv4)),
      'a solicitation that tells a group MAC': sentFrom(ASKER.mac, neighbourSolicitation(multicaster, SELF.ipv6)),
      'a solicitation from a group': neighbourSolicitation(group, SELF.ipv6),
      'an IPv4 ping of another code': withCode1(ping4(ASKER, SELF, echo56), 34),
      'an IPv6 ping of another code': withCode1(ping6(ASKER, SELF, echo56), 54),
      'an echo reply': pong4(ASKER, SELF, echo56),
      'an IPv6 echo reply': pong6(ASKER, SELF, echo56),
      'a ping with a bad IPv4 checksum': flipped(ping4(ASKER, SELF, echo56), 25, 1),
      'a ping with a bad ICMP checksum': flipped(ping4(ASKER, SELF, echo56), -1, 0x80),
      'a ping with a bad ICMPv6 checksum': flipped(ping6(ASKER, SELF, echo56), -1, 0x80),
      'a SYN with a bad TCP checksum': tcpSyn(ASKER, SELF, { ...SYN, checksum: 'corrupt' }),
      'a SYN with a bad TCP checksum over IPv6': tcpSyn(ASKER, SELF, { ...SYN, ipv6: true, checksum: 'corrupt' }),
      'a SYN by broadcast': sentTo(new Uint8Array(6).fill(0xff), syn4),
      'a reset': tcpRst(ASKER, SELF, { ...SYN, length: 0 }),
      'a datagram': udp4(ASKER, SELF, { sport: 1, dport: 2, payload: noncePayload(1, 10) }),
      'a datagram with a bad checksum': udp4(ASKER, SELF, {
        sport: 1,
        dport: 2,
        payload: noncePayload(1, 10),
        checksum: 'corrupt',
      }),
      'a report of multicast groups': SAMPLE.multicastReport,
      nothing: new Uint8Array(),
    };
    for (const [name, frame] of Object.entries(ignored)) it(name, () => expect(stack.receive(frame)).to.deep.equal([]));

    it('a probe that is not sent to the group', () => {
      expect(new Stack(ASKER).receive(unicastProbe(ASKER))).to.deep.equal([]);
    });

    it('TCP segments other than a plain SYN', () => {
      const flags = 47;
      expect(stack.receive(patched(syn4, flags, 0x02), { csumBlank: true })).to.have.length(1);
      for (const other of [0x00, 0x01, 0x03, 0x04, 0x06, 0x10, 0x12, 0x14])
        expect(stack.receive(patched(syn4, flags, other), { csumBlank: true }), `flags ${other}`).to.deep.equal([]);
    });

    it('a ping or an IPv4 header with a bad checksum even where TCP may leave it blank', () => {
      expect(stack.receive(flipped(ping4(ASKER, SELF, echo56), -1, 1), { csumBlank: true })).to.deep.equal([]);
      expect(stack.receive(flipped(syn4, 25, 1), { csumBlank: true })).to.deep.equal([]);
    });
  });

  describe('survives', () => {
    it('any bytes', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (frame, csumBlank) => {
          expect(stack.receive(frame, { csumBlank })).to.deep.equal([]);
        }),
      );
    });

    it('damaged frames with at most one reply, which is not longer than the frame', () => {
      const questions = [
        arpRequest(ASKER, SELF.ipv4),
        neighbourSolicitation(ASKER, SELF.ipv6),
        ping4(ASKER, SELF, echo(8)),
        ping6(ASKER, SELF, echo(8)),
        tcpSyn(ASKER, SELF, SYN),
        tcpSyn(ASKER, SELF, { ...SYN, ipv6: true }),
      ];
      const damage = fc.array(fc.tuple(fc.nat(100), fc.nat(255)), { maxLength: 3 });
      fc.assert(
        fc.property(fc.constantFrom(...questions), damage, fc.boolean(), (question, changes, csumBlank) => {
          const frame = Uint8Array.from(question);
          for (const [offset, value] of changes) frame[offset % frame.length] = value;
          const answers = stack.receive(frame, { csumBlank });
          expect(answers.length).to.be.at.most(1);
          for (const answer of answers) expect(answer.length).to.be.at.most(frame.length);
        }),
        { numRuns: 2000 },
      );
    });
  });
});
