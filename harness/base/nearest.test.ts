import { expect } from 'chai';
import { nearest } from './nearest.js';

const IDS = ['backend.receive.bad-ref', 'backend.transmit.bad-ref', 'frontend.receive.offset-1', 'backend.gso.cut'];

describe('the nearest words', () => {
  it('are those with the smallest edit distance, nearest first', () => {
    expect(nearest('backend.recieve.bad-ref', IDS, 2)).to.deep.equal([
      'backend.receive.bad-ref',
      'backend.transmit.bad-ref',
    ]);
    expect(nearest('BACKEND.GSO.CUTS', IDS, 1)).to.deep.equal(['backend.gso.cut']);
  });

  it('are empty if no word is similar', () => {
    expect(nearest('', IDS, 2)).to.deep.equal([]);
    expect(nearest('nosuch', IDS, 2)).to.deep.equal([]);
  });
});
