import { expect } from 'chai';
import { pcapng } from './pcapng.js';

const hex = (text: string): string => text.replace(/\s+/g, '');

describe('pcapng', () => {
  it('is nothing without frames', () => {
    expect(pcapng([{ at: 1, from: 'harness', to: 'driver', what: 'notify port 3' }])).to.equal(undefined);
  });

  it('has a section, an Ethernet interface and a packet for each frame, cut or whole', () => {
    const capture = pcapng([
      {
        at: 1.5,
        from: 'harness',
        to: 'driver',
        what: '',
        frame: { bytes: Buffer.from('0102030405', 'hex').toString('base64'), length: 5 },
      },
      { at: 2, from: 'driver', to: 'harness', what: '', frame: { bytes: 'qrs=', length: 1514 } },
    ]);
    expect(capture?.toString('hex')).to.equal(
      hex(`
        0a0d0d0a 1c000000 4d3c2b1a 01000000 ffffffff ffffffff 1c000000
        01000000 14000000 01000000 00000000 14000000
        06000000 34000000 00000000 00000000 dc050000 05000000 05000000 01020304 05000000
          02000400 02000000 00000000 34000000
        06000000 30000000 00000000 00000000 d0070000 02000000 ea050000 aabb0000
          02000400 01000000 00000000 30000000
      `),
    );
  });
});
