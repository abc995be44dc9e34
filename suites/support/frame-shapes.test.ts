import { expect } from 'chai';
import { sameBytes } from '../../harness/bytes/bytes.js';
import type { Host } from '../../harness/packet/build.js';
import { CHECKSUMMED } from './frame-shapes.js';

/** More packets than there are checksums, so that some would have the same blank and complete. */
const PACKETS = 0x30000;

describe('shapes of frames', () => {
  it('have a blank checksum that differs from the complete one', () => {
    const host = (last: number): Host => ({
      mac: Uint8Array.of(2, 0, 0, 0, 0, last),
      ipv4: Uint8Array.of(198, 18, 0, last),
      ipv6: Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last),
    });
    const shapes = CHECKSUMMED.filter(({ name }) => name === 'UDP' || name === 'UDP over IPv6');
    let same = 0;
    for (let n = 0; n < PACKETS; n += shapes.length) {
      for (const { make } of shapes) {
        const { blank, complete } = make(host(n >> 14), host(100 + (n >> 14)));
        if (sameBytes(blank, complete)) same++;
      }
    }
    expect(same).to.equal(0);
  });
});
