import { expect } from 'chai';
import type { TraceStep } from '../harness/xen/traced.js';
import { ladder } from './ladder.js';
import { HOSTILE } from './records.fixture.js';

const STEPS: readonly TraceStep[] = [
  { at: 10, from: 'harness', to: 'xenstore', what: 'write state = "4"' },
  { at: 10.5, from: 'driver', to: 'harness', what: 'event on port 7' },
];

/** The lines of each rung's label, and the x at which its arrow begins and ends. */
function rungs(svg: string): [label: string[], x1: number, x2: number][] {
  return [...svg.matchAll(/<g [^>]*>.*?<line x1="(\d+)".*? x2="(\d+)".*?<polygon[^>]*>(.*?)<\/g>/gs)].map(
    ([, x1, x2, label = '']) => [
      [...label.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, line = '']) => line),
      Number(x1),
      Number(x2),
    ],
  );
}

describe('ladder', () => {
  it('has a rung for each step, from its sender to its receiver, with the frontend on the left', () => {
    expect(rungs(ladder(STEPS, 'backend').text)).to.deep.equal([
      [['write state = &#34;4&#34;'], 150, 540],
      [['event on port 7'], 930, 150],
    ]);
    expect(rungs(ladder(STEPS, 'frontend').text).map(([, x1, x2]) => [x1, x2])).to.deep.equal([
      [930, 540],
      [150, 930],
    ]);
  });

  it('shows the time since the first step', () => {
    expect([...ladder(STEPS, 'backend').text.matchAll(/([\d.]+) ms/g)].map(([, ms]) => ms)).to.deep.equal([
      '0.000',
      '0.500',
    ]);
  });

  it('breaks labels that are longer than their arrow, at a blank or a slash if possible, and omits nothing', () => {
    const what = `write /local/domain/1/device/vif/20/a-long-name-of-a-key/${'x'.repeat(120)} = "1"`;
    const steps: TraceStep[] = [
      { at: 0, from: 'harness', to: 'xenstore', what },
      { at: 1, from: 'driver', to: 'harness', what: 'event on port 7' },
    ];
    const { text } = ladder(steps, 'backend');
    const [[lines = []] = []] = rungs(text);
    expect(lines).to.deep.equal([
      'write /local/domain/1/device/vif/20/',
      `a-long-name-of-a-key/${'x'.repeat(33)}`,
      'x'.repeat(54),
      `${'x'.repeat(33)} = &#34;1&#34;`,
    ]);
    // The next rung moves down.
    const ys = [...text.matchAll(/<line x1="\d+" y1="(\d+)" x2="\d+" y2="\1"/g)].map(([, y]) => Number(y));
    expect((ys[1] ?? 0) - (ys[0] ?? 0)).to.equal(24);
    expect(ys[0]).to.equal(34 + 24 + 3 * 14 - 6);
  });

  it('escapes any text of a driver', () => {
    const { text } = ladder([{ at: 0, from: 'xenstore', to: 'harness', what: HOSTILE }], 'backend');
    expect(text).not.to.match(/<script|\x1b|\0/);
  });
});
