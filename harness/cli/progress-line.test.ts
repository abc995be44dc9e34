import { expect } from 'chai';
import { ProgressLine } from './progress-line.js';

function written(isTTY: boolean, updates: readonly [done: number, total: number][]): string {
  let text = '';
  const line = new ProgressLine({ isTTY, write: (part) => (text += part) }, 'seeds');
  for (const [done, total] of updates) line.update(done, total);
  line.end();
  return text.replace(/\d+ s\)/g, '0 s)');
}

describe('a line of progress', () => {
  it('is rewritten in place on a terminal', () => {
    expect(
      written(true, [
        [1, 200],
        [2, 200],
      ]),
    ).to.equal('\r\x1b[Knetifspec: 1 of 200 seeds (0 s)\r\x1b[Knetifspec: 2 of 200 seeds (0 s)\r\x1b[K');
  });

  it('is printed for every ten percent elsewhere', () => {
    const all = Array.from({ length: 50 }, (_, n): [number, number] => [n + 1, 50]);
    const text = written(false, all);
    expect(text.trimEnd().split('\n')).to.have.length(10);
    expect(text)
      .to.match(/^netifspec: 5 of 50 seeds \(0 s\)\n/)
      .and.not.contain('\x1b');
  });

  it('is not repeated if the total grows', () => {
    expect(
      written(false, [
        [5, 10],
        [6, 20],
        [10, 20],
      ]).match(/\n/g),
    ).to.have.length(1);
  });
});
