import { expect } from 'chai';
import fc from 'fast-check';
import {
  decodeRxRequest,
  decodeRxResponse,
  encodeRxRequest,
  encodeRxResponse,
  printRxRequest,
  printRxResponse,
} from './rx.js';
import { expectLossless, expectRoundTrip, expectSurvival, hex, s16, u16, u32, valueOf } from './rings.fixture.js';

describe('protocol/rx', () => {
  it('encodes and decodes a request', () => {
    const request = { id: 0x0102, pad: 0xbeef, gref: 0x89abcdef };
    expect(encodeRxRequest(request)).to.deep.equal(hex('0201 efbe efcdab89'));
    expect(valueOf(decodeRxRequest(hex('0201 efbe efcdab89')))).to.deep.equal(request);
    expectRoundTrip(fc.record({ id: u16, pad: u16, gref: u32 }), encodeRxRequest, decodeRxRequest);
  });

  it('encodes and decodes a response, its status signed', () => {
    for (const [response, bytes] of [
      [{ id: 0x0102, offset: 0x40, flags: 0x0d, status: 1514 }, '0201 4000 0d00 ea05'],
      [{ id: 0xffff, offset: 0, flags: 0, status: -3 }, 'ffff 0000 0000 fdff'],
    ] as const) {
      expect(encodeRxResponse(response)).to.deep.equal(hex(bytes));
      expect(valueOf(decodeRxResponse(hex(bytes)))).to.deep.equal(response);
    }
    expectRoundTrip(fc.record({ id: u16, offset: u16, flags: u16, status: s16 }), encodeRxResponse, decodeRxResponse);
  });

  it('accepts any bytes and preserves all of them', () => {
    expectSurvival(8, decodeRxRequest);
    expectSurvival(8, decodeRxResponse);
    expectLossless(8, encodeRxRequest, decodeRxRequest);
    expectLossless(8, encodeRxResponse, decodeRxResponse);
  });

  it('prints one line, with the rx names of bits 0 and 1', () => {
    expect(printRxRequest({ id: 1, pad: 0, gref: 9 })).to.equal('rx request id 1 pad 0 gref 9');
    expect(printRxResponse({ id: 1, offset: 2, flags: 0x11, status: 1 })).to.equal(
      'rx response id 1 offset 2 status 1 flags data_validated|gso_prefix',
    );
    expect(printRxResponse({ id: 1, offset: 0, flags: 2, status: -2 })).to.equal(
      'rx response id 1 offset 0 status -2 (dropped) flags csum_blank',
    );
  });
});
