import { expect } from 'chai';
import type { Figure } from '../harness/bench/figure.js';
import { benchHtml } from './bench-html.js';
import { benchText, rounded } from './bench.js';

const FIGURES: readonly Figure[] = [
  { name: 'frames', value: 12345.6, unit: 'frames/s', yardstick: 'C', ratio: 0.5, spread: [9000, 20000] },
  { name: 'a test', value: 2.25, unit: 'ms', yardstick: null, ratio: null, spread: [2, 3.125] },
];

describe('the figures of a bench', () => {
  it('are a table with aligned columns', () => {
    expect(benchText(FIGURES).split('\n')).to.deep.equal([
      'figure  median  least   most  unit      ratio  yardstick',
      'frames   12346   9000  20000  frames/s   0.50  C',
      'a test    2.25   2.00   3.13  ms',
      '',
    ]);
  });

  it('are a page, with growth plotted against a straight line', () => {
    const page = benchHtml(FIGURES, [
      {
        of: 'queues',
        unit: 'ms',
        points: [
          [1, 10],
          [2, 20],
        ],
      },
    ]);
    expect(page).to.match(/<th>frames<\/th>\s*<td>12346 frames\/s<\/td><td>9000 to 20000<\/td>\s*<td>0.50<\/td>/);
    expect(page).to.match(/<polyline points="233\.0,112\.0 406\.0,14\.0"/);
    expect(page.match(/<circle /g)).to.have.length(2);
    expect(benchHtml(FIGURES, [])).not.to.contain('<svg');
  });

  it('have three significant digits', () => {
    expect([0.12345, 1.5, 99.94, 1234.5].map(rounded)).to.deep.equal(['0.123', '1.50', '99.9', '1235']);
  });
});
