import { expect } from 'chai';
import { SlotPrinter } from './print-slot.js';
import { CTRL_RING, RX_RING, type RingLayout, TX_RING } from './ring.js';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

/** The lines of a printer for consecutive slots. */
function printed(layout: RingLayout, kind: 'request' | 'response', ...slots: string[]): string[] {
  const printer = new SlotPrinter(layout, kind);
  return slots.map((slot) => printer.next(bytes(slot))());
}

describe('slots as text', () => {
  it('recognizes an extra info by the slot before it', () => {
    const first = '07000000 0000 0c00 0100 ea05'; // extra_info and more_data
    expect(
      printed(
        TX_RING,
        'request',
        first,
        '01 01 a005 01 00 0000 00000000',
        '02 00 010203040506 00000000',
        '08000000 0000 0000 0200 4000',
      ),
    ).to.deep.equal([
      'tx request id 1 gref 7 offset 0 size 1514 flags more_data|extra_info',
      'gso extra size 1440 type 1 (tcpv4) pad 0 features 0 flags more',
      'mcast-add extra 01:02:03:04:05:06 flags 0',
      'tx request id 2 gref 8 offset 0 size 64 flags 0',
    ]);
    expect(printed(RX_RING, 'response', '0500 0000 0900 4000', '04 00 01 01 78563412')).to.deep.equal([
      'rx response id 5 offset 0 status 64 flags data_validated|extra_info',
      'hash extra type 1 (ipv4_tcp) algorithm 1 (toeplitz) value 0x12345678 flags 0',
    ]);
  });

  it('expects no extra infos in a ring that has none', () => {
    expect(printed(TX_RING, 'response', '0100 0000 00000000 08000800', '0200 ffff 0000000000000000')).to.deep.equal([
      'tx response id 1 status 0 (okay)',
      'tx response id 2 status -1 (error)',
    ]);
    expect(printed(RX_RING, 'request', '0100 0000 09000000')).to.deep.equal(['rx request id 1 pad 0 gref 9']);
    expect(printed(CTRL_RING, 'response', '0100 0300 00000000 07000000 00000000')).to.have.length(1);
  });

  it('prints a slot that it cannot decode as bytes', () => {
    const [, extra] = printed(RX_RING, 'response', '0500 0000 0800 4000', '09 00 000000000000');
    expect(extra).to.equal('0900000000000000: extra info of unknown type 9');
  });
});
