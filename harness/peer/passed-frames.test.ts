import { expect } from 'chai';
import { concat } from '../bytes/bytes.js';
import { arpRequest, noncePayload, tcpData, udp4, udp6, withExtension, withTag } from '../packet/build.js';
import { EXTENSION } from '../packet/ipv6.js';
import { linkOf } from './link.js';
import { PassedFrames } from './passed-frames.js';

const { peer, iut } = linkOf(1);
const datagram = (checksum: 'blank' | 'complete'): Uint8Array =>
  udp4(peer, iut, { sport: 1, dport: 9, payload: noncePayload(1, 33), checksum });

describe('peer/passed-frames', () => {
  let frames: PassedFrames;
  beforeEach(() => {
    frames = new PassedFrames();
  });

  it('recognises a frame once', () => {
    frames.add(datagram('blank'));
    expect(frames.take(datagram('blank'))).to.equal(true);
    expect(frames.take(datagram('blank'))).to.equal(false);
  });

  it('ignores checksums, padding and a VLAN tag', () => {
    frames.add(datagram('blank'));
    expect(frames.take(datagram('complete'))).to.equal(true);
    frames.add(arpRequest(peer, iut.ipv4));
    expect(frames.take(concat(arpRequest(peer, iut.ipv4), new Uint8Array(18)))).to.equal(true);
    frames.add(withTag(datagram('blank'), 5));
    expect(frames.take(datagram('blank'))).to.equal(true);
  });

  it('finds the checksum of the shortest datagram, and after extension headers', () => {
    const short = (checksum: 'blank' | 'complete'): Uint8Array =>
      udp4(peer, iut, { sport: 1, dport: 9, payload: new Uint8Array(1), checksum });
    frames.add(short('blank'));
    expect(frames.take(short('complete'))).to.equal(true);
    const extended = (checksum: 'blank' | 'complete'): Uint8Array =>
      withExtension(
        udp6(peer, iut, { sport: 1, dport: 9, payload: new Uint8Array(1), checksum }),
        EXTENSION.hopByHop,
        Uint8Array.of(0, 1, 4, 0, 0, 0, 0),
      );
    frames.add(extended('blank'));
    expect(frames.take(extended('complete'))).to.equal(true);
  });

  it('says nothing of unknown TCP data, which may be merged or cut on the way', () => {
    frames.add(datagram('blank'));
    expect(frames.take(tcpData(peer, iut, { seq: 1, payload: noncePayload(1, 33) }))).to.equal(undefined);
  });

  it('lets all frames be passed on once more', () => {
    frames.add(datagram('blank'));
    frames.take(datagram('blank'));
    frames.again();
    expect([frames.take(datagram('blank')), frames.take(datagram('blank'))]).to.deep.equal([true, false]);
  });
});
