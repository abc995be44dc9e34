import { expect } from 'chai';
import { compare, median } from './figure.js';

describe('a figure of a bench', () => {
  it('is the median of all rounds except the first, with the median of their ratios', async () => {
    const ours = [1000, 10, 30, 20];
    const yardstick = [1, 10, 10, 5];
    const figure = await compare({
      name: 'n',
      unit: 'ms',
      rounds: 3,
      ours: () => ours.shift() ?? NaN,
      yardstick: { name: 'y', measure: () => yardstick.shift() ?? NaN },
    });
    expect(figure).to.deep.equal({ name: 'n', value: 20, unit: 'ms', yardstick: 'y', ratio: 3, spread: [10, 30] });
  });

  it('does not need a yardstick', async () => {
    const figure = await compare({ name: 'n', unit: 'ms', rounds: 2, ours: () => 7 });
    expect(figure).to.deep.equal({ name: 'n', value: 7, unit: 'ms', yardstick: null, ratio: null, spread: [7, 7] });
  });

  it('uses the mean of the two middle values as the median of an even number', () => {
    expect([median([3]), median([4, 1]), median([9, 1, 2])]).to.deep.equal([3, 2.5, 2]);
  });
});
