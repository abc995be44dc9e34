import { expect } from 'chai';
import fc from 'fast-check';
import {
  decodeCtrlRequest,
  decodeCtrlResponse,
  decodeHashMapping,
  encodeCtrlRequest,
  encodeCtrlResponse,
  encodeHashMapping,
  printCtrlRequest,
  printCtrlResponse,
} from './ctrl.js';
import { expectLossless, expectRoundTrip, expectSurvival, hex, reasonOf, u16, u32, valueOf } from './rings.fixture.js';

describe('protocol/ctrl', () => {
  it('encodes and decodes a request', () => {
    const request = { id: 0x0102, type: 6, data: [0x11223344, 0x80000001, 5] as [number, number, number] };
    const bytes = hex('0201 0600 44332211 01000080 05000000');
    expect(encodeCtrlRequest(request)).to.deep.equal(bytes);
    expect(valueOf(decodeCtrlRequest(bytes))).to.deep.equal(request);
    expectRoundTrip(
      fc.record({ id: u16, type: u16, data: fc.tuple(u32, u32, u32) }),
      encodeCtrlRequest,
      decodeCtrlRequest,
    );
  });

  it('encodes and decodes a response', () => {
    const response = { id: 0xffff, type: 1, status: 2, data: 0x0000000f };
    const bytes = hex('ffff 0100 02000000 0f000000');
    expect(encodeCtrlResponse(response)).to.deep.equal(bytes);
    expect(valueOf(decodeCtrlResponse(bytes))).to.deep.equal(response);
    expectRoundTrip(fc.record({ id: u16, type: u16, status: u32, data: u32 }), encodeCtrlResponse, decodeCtrlResponse);
  });

  it('accepts any bytes and preserves all of them', () => {
    expectSurvival(16, decodeCtrlRequest);
    expectSurvival(12, decodeCtrlResponse);
    expectLossless(16, encodeCtrlRequest, decodeCtrlRequest);
    expectLossless(12, encodeCtrlResponse, decodeCtrlResponse);
  });

  it('prints one line', () => {
    expect(printCtrlRequest({ id: 1, type: 3, data: [8, 40, 0] })).to.equal(
      'ctrl request id 1 type 3 (set_hash_key) data 8 40 0',
    );
    expect(printCtrlResponse({ id: 1, type: 11, status: 1, data: 0 })).to.equal(
      'ctrl response id 1 type 11 status 1 (not_supported) data 0',
    );
  });

  it('encodes and decodes a hash mapping of up to a page', () => {
    expect(encodeHashMapping([0, 1, 0x01020304])).to.deep.equal(hex('00000000 01000000 04030201'));
    expect(valueOf(decodeHashMapping(hex('00000000 01000000 04030201'), 3))).to.deep.equal([0, 1, 0x01020304]);
    const full = Array.from({ length: 1024 }, (_, index) => index);
    expect(encodeHashMapping(full)).to.have.length(4096);
    expect(valueOf(decodeHashMapping(encodeHashMapping(full), 1024))).to.deep.equal(full);
    expect(() => encodeHashMapping([...full, 0])).to.throw(RangeError, '1025 entries');
    expect(reasonOf(decodeHashMapping(new Uint8Array(8192), 1025))).to.contain('1025 entries');
    expect(reasonOf(decodeHashMapping(new Uint8Array(7), 2))).to.contain('3 bytes of 4');
  });
});
