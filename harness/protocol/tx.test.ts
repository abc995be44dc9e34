import { expect } from 'chai';
import fc from 'fast-check';
import {
  decodeTxRequest,
  decodeTxResponse,
  encodeTxRequest,
  encodeTxResponse,
  printTxRequest,
  printTxResponse,
} from './tx.js';
import { expectLossless, expectRoundTrip, expectSurvival, hex, s16, u16, u32, valueOf } from './rings.fixture.js';

describe('protocol/tx', () => {
  const request = { gref: 0x12345678, offset: 0x0102, flags: 0x0007, id: 0xfffe, size: 1514 };
  const requestBytes = hex('78563412 0201 0700 feff ea05');

  it('encodes and decodes a request', () => {
    expect(encodeTxRequest(request)).to.deep.equal(requestBytes);
    expect(valueOf(decodeTxRequest(requestBytes))).to.deep.equal(request);
    expectRoundTrip(
      fc.record({ gref: u32, offset: u16, flags: u16, id: u16, size: u16 }),
      encodeTxRequest,
      decodeTxRequest,
    );
  });

  it('encodes and decodes a response, its status signed', () => {
    for (const [status, bytes] of [
      [-2, '0102 feff'],
      [-1, '0102 ffff'],
      [0, '0102 0000'],
      [1, '0102 0100'],
    ] as const) {
      expect(encodeTxResponse({ id: 0x0201, status })).to.deep.equal(hex(bytes));
      expect(valueOf(decodeTxResponse(hex(bytes)))).to.deep.equal({ id: 0x0201, status });
    }
    expectRoundTrip(fc.record({ id: u16, status: s16 }), encodeTxResponse, decodeTxResponse);
  });

  it('accepts any bytes and preserves all of them', () => {
    expectSurvival(12, decodeTxRequest);
    expectSurvival(4, decodeTxResponse);
    expectLossless(12, encodeTxRequest, decodeTxRequest);
    expectLossless(4, encodeTxResponse, decodeTxResponse);
  });

  it('prints one line', () => {
    expect(printTxRequest(request)).to.equal(
      'tx request id 65534 gref 305419896 offset 258 size 1514 flags csum_blank|data_validated|more_data',
    );
    expect(printTxRequest({ ...request, flags: 0x8008 })).to.match(/flags extra_info\|0x8000$/);
    expect(printTxResponse({ id: 1, status: -1 })).to.equal('tx response id 1 status -1 (error)');
    expect(printTxResponse({ id: 1, status: 5 })).to.equal('tx response id 1 status 5');
  });
});
