import { expect } from 'chai';
import { cover } from './cover.js';

describe('cover', () => {
  it('chooses the test that verifies most for its cost first, and none that adds nothing', () => {
    const chosen = cover([
      { id: 'one', requirements: ['A'], cost: 1 },
      { id: 'dear', requirements: ['A', 'B', 'C'], cost: 10 },
      { id: 'three', requirements: ['B', 'C', 'D'], cost: 1 },
      { id: 'again', requirements: ['C', 'D'], cost: 1 },
      { id: 'last', requirements: ['E'], cost: 5 },
    ]);
    expect(chosen).to.deep.equal(['three', 'one', 'last']);
  });

  it('is empty if there is nothing to verify', () => {
    expect(cover([])).to.deep.equal([]);
    expect(cover([{ id: 'skipped', requirements: [], cost: 1 }])).to.deep.equal([]);
  });
});
