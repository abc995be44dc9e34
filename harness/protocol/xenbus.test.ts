import { expect } from 'chai';
import fc from 'fast-check';
import { XENBUS_STATE, parseDecimal, parseXenbusState, stateName, stateText } from './xenbus.js';
import { reasonOf, u32, valueOf } from './rings.fixture.js';

const NAMES = [
  'Unknown',
  'Initialising',
  'InitWait',
  'Initialised',
  'Connected',
  'Closing',
  'Closed',
  'Reconfiguring',
  'Reconfigured',
];

describe('protocol/xenbus', () => {
  it('numbers and names the states', () => {
    expect(Object.values(XENBUS_STATE)).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(NAMES.map((_, state) => stateName(state))).to.deep.equal(NAMES);
    expect(stateName(9)).to.equal('state 9');
  });

  it('names the state in a node', () => {
    expect(['4', undefined, '9', 'x'].map(stateText)).to.deep.equal(['Connected', 'none', '"9"', '"x"']);
    expect(XENBUS_STATE.connected).to.equal(4);
  });

  it('parses every state', () => {
    for (let state = 0; state <= 8; state++) expect(valueOf(parseXenbusState(String(state)))).to.equal(state);
  });

  it('returns a reason for an invalid state', () => {
    expect(reasonOf(parseXenbusState(undefined))).to.equal('no state node');
    expect(reasonOf(parseXenbusState(''))).to.equal('"" is not a decimal number');
    expect(reasonOf(parseXenbusState('9'))).to.equal('"9" is not from 0 to 8');
  });

  const port = { min: 1, max: 0xffffffff };

  it('parses decimal numbers within bounds', () => {
    expect(valueOf(parseDecimal('1', port))).to.equal(1);
    expect(valueOf(parseDecimal('4294967295', port))).to.equal(0xffffffff);
    expect(valueOf(parseDecimal('0', { min: 0, max: 1 }))).to.equal(0);
    expect(valueOf(parseDecimal('0017', port))).to.equal(17);
    fc.assert(fc.property(u32, (n) => valueOf(parseDecimal(String(n), { min: 0, max: 0xffffffff })) === n));
  });

  for (const text of ['', ' 1', '1 ', '1\n', '+1', '-1', '1.0', '1e1', '0x1', '1\0', 'one', '١', '\ufffd']) {
    it(`refuses ${JSON.stringify(text)} as a number`, () => {
      expect(reasonOf(parseDecimal(text, port))).to.contain('is not a decimal number');
    });
  }

  it('returns a reason for numbers out of bounds and for a missing node', () => {
    for (const text of ['0', '4294967296', '9'.repeat(400)]) {
      expect(reasonOf(parseDecimal(text, port))).to.contain('is not from 1 to 4294967295');
    }
    expect(reasonOf(parseDecimal(undefined, port))).to.equal('no such node');
  });

  it('keeps reasons short and on one line, whatever the value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const answer = parseDecimal(text, { min: 1, max: 0 });
        expect(reasonOf(answer)).to.match(/^[^\r\n]{1,300}$/);
      }),
    );
  });
});
