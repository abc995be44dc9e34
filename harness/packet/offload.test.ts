import { expect } from 'chai';
import { tcpData, withExtension } from './build.js';
import type { Host } from './build.js';
import { decodeFrame, type Frame } from './frame.js';
import { EXTENSION } from './ipv6.js';
import { tcpChecksum } from './match.js';
import { completeChecksum, segment } from './offload.js';
import { SAMPLE } from './samples.fixture.js';

const host = (last: number): Host => ({
  mac: Uint8Array.of(0x00, 0x16, 0x3e, 0, 0, last),
  ipv4: Uint8Array.of(10, 0, 0, last),
  ipv6: Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last),
});
const payload = Uint8Array.from({ length: 2500 }, (_, n) => n & 0xff);
/** An extension header of 8 bytes that holds padding, without its first byte. */
const PADDING = Uint8Array.of(0, 1, 4, 0, 0, 0, 0);
const large = (ipv6: boolean): Uint8Array =>
  tcpData(host(1), host(2), { seq: 0xffffff00, payload, ipv6, checksum: 'blank' });

function tcpOf(frame: Uint8Array): Frame & { kind: 'tcp' } {
  const it = decodeFrame(frame);
  if (!it.ok || it.value.kind !== 'tcp') throw new Error('not TCP');
  return it.value;
}

describe('offload', () => {
  for (const ipv6 of [false, true]) {
    const version = ipv6 ? 'IPv6' : 'IPv4';

    it(`completes a blank checksum over ${version}`, () => {
      expect(tcpChecksum(large(ipv6))).to.equal('blank');
      expect(tcpChecksum(completeChecksum(large(ipv6)))).to.equal('complete');
    });

    it(`cuts a packet of ${version} into segments that add up to it`, () => {
      const pieces = segment(large(ipv6), 1000).map(tcpOf);
      expect(pieces.map(({ tcp }) => tcp.payload.length)).to.deep.equal([1000, 1000, 500]);
      expect(Buffer.concat(pieces.map(({ tcp }) => tcp.payload))).to.deep.equal(Buffer.from(payload));
      expect(pieces.map(({ tcp }) => tcp.seq)).to.deep.equal([0xffffff00, 0x2e8, 0x6d0]);
      expect(pieces.map(({ tcp }) => tcp.checksum)).to.deep.equal(['complete', 'complete', 'complete']);
      // Only the last segment has PSH.
      expect(pieces.map(({ tcp }) => tcp.flags)).to.deep.equal([0x10, 0x10, 0x18]);
    });
  }

  it('numbers the packets that it cuts from one', () => {
    const numbers = segment(large(false), 1000).map((frame) => {
      const { ip } = tcpOf(frame);
      return ip.version === 4 ? ip.identification : undefined;
    });
    expect(numbers).to.deep.equal([0, 1, 2]);
  });

  it('completes a blank checksum after extension headers', () => {
    const [first, second] = [EXTENSION.destination, EXTENSION.hopByHop];
    const extended = (frame: Uint8Array): Uint8Array =>
      withExtension(withExtension(frame, first, PADDING), second, PADDING);
    expect(completeChecksum(extended(large(true)))).to.deep.equal(extended(completeChecksum(large(true))));
  });

  it('leaves malformed extension headers unchanged', () => {
    const short = withExtension(
      tcpData(host(1), host(2), { seq: 1, payload: payload.subarray(0, 9), ipv6: true }),
      EXTENSION.hopByHop,
      Uint8Array.of(255, ...PADDING.subarray(1)),
    );
    expect(completeChecksum(short)).to.equal(short);
  });

  it('leaves frames other than TCP unchanged', () => {
    expect(completeChecksum(SAMPLE.arpRequest)).to.equal(SAMPLE.arpRequest);
    expect(segment(SAMPLE.arpRequest, 10)).to.deep.equal([SAMPLE.arpRequest]);
    expect(segment(large(false), 0)).to.have.length(1);
  });
});
