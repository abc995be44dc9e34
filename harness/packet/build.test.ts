import { expect } from 'chai';
import fc from 'fast-check';
import {
  formatIpv4,
  formatIpv6,
  formatMac,
  multicastMac,
  parseIpv4,
  parseIpv6,
  parseMac,
  solicitedNode,
} from './address.js';
import {
  arpReply,
  arpRequest,
  echoPayload,
  isArpReplyFrom,
  isEchoReply,
  isNeighbourAdvertisementFrom,
  isRst,
  linkLocal,
  neighbourAdvertisement,
  neighbourSolicitation,
  nonceOf,
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
import { decodeFrame } from './frame.js';
import { printFrame } from './print.js';
import { fromHex, SAMPLE } from './samples.fixture.js';

function host(number: number): Host {
  const mac = Uint8Array.of(0, 0x16, 0x3e, 0, 0, number);
  return { mac, ipv4: Uint8Array.of(10, 0, 0, number), ipv6: linkLocal(mac) };
}

const KERNEL = host(1);
const US = host(2);

describe('frame builders', () => {
  it('build the frames that a kernel sends', () => {
    expect(arpRequest(KERNEL, US.ipv4)).to.deep.equal(SAMPLE.arpRequest);
    expect(arpReply(KERNEL, US)).to.deep.equal(SAMPLE.arpReply);
    expect(neighbourAdvertisement(KERNEL, US)).to.deep.equal(SAMPLE.advertisement);
    const syn = { sport: 1234, dport: 80, seq: 0xffffffff, length: 0 };
    expect(tcpRst(KERNEL, US, syn)).to.deep.equal(SAMPLE.rst4);
  });

  it('build frames with complete checksums', () => {
    const ping = { id: 1, seq: 2, payload: noncePayload(3, 41) };
    const frames = [
      neighbourSolicitation(US, KERNEL.ipv6),
      neighbourAdvertisement(US, undefined),
      ping4(US, KERNEL, ping),
      ping6(US, KERNEL, ping),
      udp4(US, KERNEL, { sport: 1, dport: 2, payload: ping.payload }),
      tcpSyn(US, KERNEL, { sport: 1, dport: 2, seq: 3 }),
      tcpSyn(US, KERNEL, { sport: 1, dport: 2, seq: 3, ipv6: true }),
    ];
    for (const frame of frames) expect(printFrame(frame)).to.not.match(/malformed|checksum/);
  });

  it('leave checksums blank, wrong or out on request', () => {
    for (const checksum of ['blank', 'corrupt'] as const) {
      for (const ipv6 of [false, true]) {
        const frame = decodeFrame(tcpSyn(US, KERNEL, { sport: 1, dport: 2, seq: 3, ipv6, checksum }));
        expect(frame).to.have.nested.property('value.tcp.checksum', checksum);
      }
    }
    for (const checksum of ['blank', 'corrupt', 'none'] as const) {
      const frame = decodeFrame(udp4(US, KERNEL, { sport: 1, dport: 2, payload: fromHex('00'), checksum }));
      expect(frame).to.have.nested.property('value.udp.checksum', checksum);
    }
  });

  it('build the largest echo, and refuse a larger one', () => {
    const frame = ping4(US, KERNEL, { id: 1, seq: 1, payload: noncePayload(1, 65507) });
    expect(frame).to.have.length(14 + 65535);
    expect(echoPayload(frame)).to.deep.equal(noncePayload(1, 65507));
    expect(() => ping4(US, KERNEL, { id: 1, seq: 1, payload: noncePayload(1, 65508) })).to.throw(RangeError);
    expect(ping6(US, KERNEL, { id: 1, seq: 1, payload: noncePayload(1, 65527) })).to.have.length(54 + 65535);
  });
});

describe('frame matchers', () => {
  it('recognize an ARP reply by its sender', () => {
    expect(isArpReplyFrom(SAMPLE.arpReply, KERNEL.ipv4)).to.equal(true);
    expect(isArpReplyFrom(SAMPLE.arpReply, US.ipv4)).to.equal(false);
    expect(isArpReplyFrom(SAMPLE.arpRequest, KERNEL.ipv4)).to.equal(false);
  });

  it('recognize an advertisement by its target', () => {
    expect(isNeighbourAdvertisementFrom(SAMPLE.advertisement, KERNEL.ipv6)).to.equal(true);
    expect(isNeighbourAdvertisementFrom(SAMPLE.advertisement, US.ipv6)).to.equal(false);
    expect(isNeighbourAdvertisementFrom(SAMPLE.solicitationOfProbe, KERNEL.ipv6)).to.equal(false);
  });

  it('recognize an echo reply by its identifier and sequence number', () => {
    expect(isEchoReply(SAMPLE.echoReply4, { id: 7, seq: 1 })).to.equal(true);
    expect(isEchoReply(SAMPLE.echoReply4, { id: 7, seq: 2 })).to.equal(false);
    expect(isEchoReply(SAMPLE.echoReply4, { id: 6, seq: 1 })).to.equal(false);
    expect(isEchoReply(SAMPLE.echoRequest6, { id: 3, seq: 1 })).to.equal(false);
    const echo = { id: 9, seq: 9, payload: noncePayload(9, 9) };
    for (const frame of [pong4(US, KERNEL, echo), pong6(US, KERNEL, echo)]) {
      expect(isEchoReply(frame, echo)).to.equal(true);
      frame[frame.length - 1] = (frame.at(-1) ?? 0) ^ 1;
      expect(isEchoReply(frame, echo), 'damaged').to.equal(false);
      expect(echoPayload(frame), 'damaged, but there to compare').to.have.length(9);
    }
    expect(isEchoReply(ping4(US, KERNEL, echo), echo)).to.equal(false);
    expect(echoPayload(SAMPLE.rst4)).to.equal(undefined);
  });

  it('recognize a reset by its SYN', () => {
    const syn4 = { sport: 1234, dport: 80, seq: 0xffffffff };
    const syn6 = { ...syn4, seq: 5 };
    expect(isRst(SAMPLE.rst4, syn4)).to.equal(true);
    expect(isRst(SAMPLE.rst6, syn6)).to.equal(true);
    expect(isRst(SAMPLE.rst4, { sport: 1234, dport: 80 })).to.equal(true);
    expect(isRst(SAMPLE.rst4, syn6), 'another acknowledgement').to.equal(false);
    expect(isRst(SAMPLE.rst4, { sport: 80, dport: 1234 }), 'ports of the reset itself').to.equal(false);
    expect(isRst(SAMPLE.rst4, { sport: 1235, dport: 80 })).to.equal(false);
    expect(isRst(tcpSyn(US, KERNEL, { sport: 80, dport: 1234, seq: 0 }), { sport: 1234, dport: 80 })).to.equal(false);
    expect(isRst(tcpRst(KERNEL, US, { ...syn6, length: 5 }), { ...syn6, seq: 10 }), 'a SYN with data').to.equal(true);
    const damaged = Uint8Array.from(SAMPLE.rst4);
    damaged[49] = 1;
    expect(isRst(damaged, { sport: 1234, dport: 80 })).to.equal(false);
  });

  it('and the printer accept any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        expect(isArpReplyFrom(bytes, US.ipv4)).to.equal(false);
        expect(isNeighbourAdvertisementFrom(bytes, US.ipv6)).to.equal(false);
        expect(isEchoReply(bytes, { id: 1, seq: 1 })).to.equal(false);
        expect(isRst(bytes, { sport: 1, dport: 1 })).to.equal(false);
        expect(echoPayload(bytes)).to.equal(undefined);
        expect(printFrame(bytes)).to.not.include('\n');
      }),
    );
  });
});

describe('noncePayload', () => {
  it('begins with the nonce and has any length', () => {
    for (let length = 0; length < 20; length++) expect(noncePayload(0xcafef00d, length)).to.have.length(length);
    expect(nonceOf(noncePayload(0xcafef00d, 4))).to.equal(0xcafef00d);
    expect(nonceOf(noncePayload(0xcafef00d, 3))).to.equal(undefined);
    expect(noncePayload(7, 1000).subarray(0, 500)).to.deep.equal(noncePayload(7, 500));
  });

  it('changes from the first lost byte on', () => {
    const whole = noncePayload(1, 65507);
    const shifts = [1, 2, 3, 4, 8, 64, 256, 1448, 4096, 8192, 65536 - 4096];
    for (const shift of shifts) {
      for (let from = 0; from + shift + 8 <= whole.length; from += 997)
        expect(whole.subarray(from, from + 8)).to.not.deep.equal(whole.subarray(from + shift, from + shift + 8));
    }
  });

  it('differs at every word from that of another nonce', () => {
    const [one, other] = [noncePayload(1, 4096), noncePayload(2, 4096)];
    for (let i = 0; i < 4096; i += 8) expect(one.subarray(i, i + 8)).to.not.deep.equal(other.subarray(i, i + 8));
  });
});

describe('printFrame', () => {
  const lines: Record<keyof typeof SAMPLE, string> = {
    arpRequest: '00:16:3e:00:00:01 > ff:ff:ff:ff:ff:ff ARP who-has 10.0.0.2 tell 10.0.0.1',
    arpReply: '00:16:3e:00:00:01 > 00:16:3e:00:00:02 ARP 10.0.0.1 is-at 00:16:3e:00:00:01',
    echoReply4: '00:16:3e:00:00:01 > 00:16:3e:00:00:02 IP 10.0.0.1 > 10.0.0.2: ICMP echo reply, id 7, seq 1, length 16',
    echoRequest6:
      '00:16:3e:00:00:01 > 00:16:3e:00:00:02 IP6 fe80::216:3eff:fe00:1 > fe80::216:3eff:fe00:2: ICMPv6 echo request, id 3, seq 1, length 1',
    solicitationOfProbe:
      '00:16:3e:00:00:01 > 33:33:ff:00:00:01 IP6 :: > ff02::1:ff00:1: ICMPv6 who-has fe80::216:3eff:fe00:1, from unsaid',
    advertisement:
      '00:16:3e:00:00:01 > 00:16:3e:00:00:02 IP6 fe80::216:3eff:fe00:1 > fe80::216:3eff:fe00:2: ICMPv6 fe80::216:3eff:fe00:1 is-at 00:16:3e:00:00:01',
    udp4: '00:16:3e:00:00:01 > 00:16:3e:00:00:03 IP 10.0.0.1.43486 > 10.0.0.3.9: UDP, length 5',
    udp4Blank:
      '00:00:00:00:00:00 > 00:00:00:00:00:00 IP 127.0.0.1.4000 > 127.0.0.1.4000: UDP, length 5 (blank checksum)',
    udp6Blank: '00:00:00:00:00:00 > 00:00:00:00:00:00 IP6 ::1.41715 > ::1.4000: UDP, length 3 (blank checksum)',
    syn4: '00:16:3e:00:00:01 > 00:16:3e:00:00:03 IP 10.0.0.1.48518 > 10.0.0.3.80: TCP syn, seq 4168642707, ack 0, length 0',
    syn6Blank:
      '00:00:00:00:00:00 > 00:00:00:00:00:00 IP6 ::1.46344 > ::1.80: TCP syn, seq 3416148777, ack 0, length 0 (blank checksum)',
    rst4: '00:16:3e:00:00:01 > 00:16:3e:00:00:02 IP 10.0.0.1.80 > 10.0.0.2.1234: TCP rst|ack, seq 0, ack 0, length 0',
    rst6: '00:16:3e:00:00:01 > 00:16:3e:00:00:02 IP6 fe80::216:3eff:fe00:1.80 > fe80::216:3eff:fe00:2.1234: TCP rst|ack, seq 0, ack 6, length 0',
    multicastReport:
      '00:16:3e:00:00:01 > 33:33:00:00:00:16 IP6 fe80::216:3eff:fe00:1 > ff02::16: next header 0, length 36',
  };
  for (const [name, line] of Object.entries(lines) as [keyof typeof SAMPLE, string][])
    it(`prints ${name}`, () => expect(printFrame(SAMPLE[name])).to.equal(line));

  it('prints unknown types and protocols as numbers', () => {
    expect(printFrame(fromHex('ffffffffffff 00163e000001 88cc 0102'))).to.match(/ type 0x88cc, length 2$/);
    expect(printFrame(fromHex('ffff'))).to.equal('malformed frame of 2 bytes: Ethernet: 2 bytes are no header');
  });
});

describe('addresses', () => {
  it('are printed', () => {
    const ipv6 = (groups: string): string => formatIpv6(fromHex(groups));
    expect(formatMac(US.mac)).to.equal('00:16:3e:00:00:02');
    expect(formatIpv4(US.ipv4)).to.equal('10.0.0.2');
    expect(ipv6('0000 0000 0000 0000 0000 0000 0000 0000')).to.equal('::');
    expect(ipv6('0000 0000 0000 0000 0000 0000 0000 0001')).to.equal('::1');
    expect(ipv6('2001 0db8 0000 0000 0001 0000 0000 0001')).to.equal('2001:db8::1:0:0:1');
    expect(ipv6('2001 0db8 0000 0001 0001 0001 0001 0001')).to.equal('2001:db8:0:1:1:1:1:1');
    expect(ipv6('2001 0000 0000 0001 0000 0000 0000 0000')).to.equal('2001:0:0:1::');
  });

  it('are parsed', () => {
    expect(parseMac('00:16:3E:00:00:02')).to.deep.equal({ ok: true, value: US.mac });
    expect(parseIpv4('10.0.0.2')).to.deep.equal({ ok: true, value: US.ipv4 });
    for (const text of ['', '00:16:3e:00:00', '00:16:3e:00:00:0g', '00:16:3e:00:00:02:03'])
      expect(parseMac(text).ok, text).to.equal(false);
    for (const text of ['', '10.0.0', '10.0.0.256', '::1']) expect(parseIpv4(text).ok, text).to.equal(false);
    for (const text of ['::', '::1', 'ff02::', '2001:db8::1:0:0:1', '1:2:3:4:5:6:7:8']) {
      const parsed = parseIpv6(text);
      expect(parsed.ok && formatIpv6(parsed.value), text).to.equal(text);
    }
    for (const text of ['', ':', '1:2', '::10.0.0.1', 'fe80::1%eth0', '1::2::3']) {
      expect(parseIpv6(text).ok, text).to.equal(false);
    }
  });

  it('are derived from the MAC and from each other', () => {
    expect(formatIpv6(US.ipv6)).to.equal('fe80::216:3eff:fe00:2');
    const group = solicitedNode(fromHex('20010db8000000000000000000abcdef'));
    expect(formatIpv6(group)).to.equal('ff02::1:ffab:cdef');
    expect(formatMac(multicastMac(group))).to.equal('33:33:ff:ab:cd:ef');
  });
});
