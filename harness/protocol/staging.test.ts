import { expect } from 'chai';
import { decodeStagingTable, encodeStagingTable, printExtGrefAlloc } from './staging.js';
import { hex, reasonOf, valueOf } from './rings.fixture.js';

describe('protocol/staging', () => {
  const table = [
    { ref: 0x01020304, flags: 1, pad: 0 },
    { ref: 9, flags: 0, pad: 0xbeef },
  ];

  it('encodes and decodes a table, its padding kept', () => {
    expect(encodeStagingTable(table)).to.deep.equal(hex('04030201 0100 0000 09000000 0000 efbe'));
    expect(valueOf(decodeStagingTable(hex('04030201 0100 0000 09000000 0000 efbe'), 2))).to.deep.equal(table);
  });

  it('holds 1 to 512 entries', () => {
    const full = Array.from({ length: 512 }, (_, ref) => ({ ref, flags: 0, pad: 0 }));
    expect(encodeStagingTable(full)).to.have.length(4096);
    expect(valueOf(decodeStagingTable(encodeStagingTable(full), 512))).to.deep.equal(full);
    expect(() => encodeStagingTable([...full, ...table])).to.throw(RangeError, '514 entries');
    for (const count of [0, 513, 0x20000000, -1]) {
      expect(reasonOf(decodeStagingTable(new Uint8Array(8192), count))).to.contain(`${count} entries`);
    }
    expect(reasonOf(decodeStagingTable(new Uint8Array(15), 2))).to.contain('7 bytes of 8');
  });

  it('prints one line', () => {
    expect(table.map(printExtGrefAlloc)).to.deep.equal([
      'staging gref 16909060 flags readonly pad 0',
      'staging gref 9 flags 0 pad 48879',
    ]);
  });
});
