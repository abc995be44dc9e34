import { expect } from 'chai';
import type { TraceStep } from '../harness/xen/traced.js';
import { ladder } from './ladder.js';
import { HOSTILE } from './records.fixture.js';

const STEPS: readonly TraceStep[] = [
  { at: 10, from: 'harness', to: 'xenstore', what: 'write state = "4"' },
  { at: 10.5, from: 'driver', to: 'harness', what: 'event on port 7' },
  { at: 10.5, from: 'harness', to: 'driver', what: 'notify port 8' },
  { at: 700, from: 'xenstore', to: 'harness', what: 'watch state' },
];

/** The class, time and text of each row. */
function rows(html: string): string[][] {
  return [...html.matchAll(/<li class="([^"]*)">(?:<time>(.*?)<\/time>)?(.*?)<\/li>/gs)].map(([, kind, time, body]) => [
    kind ?? '',
    time ?? '',
    (body ?? '').replace(/<[^>]*>/g, '').trim(),
  ]);
}

describe('ladder', () => {
  it('has an arrow for each step with its kind, the frontend on the left, and the gaps between them', () => {
    expect(rows(ladder(STEPS, 'backend').text)).to.deep.equal([
      ['xenstore right at-left', '0', 'xenstore write state = &#34;4&#34;'],
      ['event left', '500 µs', 'event on port 7'],
      ['event right', '', 'event notify port 8'],
      ['gap', '', '690 ms later'],
      ['xenstore left at-left', '690 ms', 'xenstore watch state'],
    ]);
    expect(rows(ladder(STEPS, 'frontend').text).map(([kind]) => kind)).to.deep.equal([
      ...['xenstore left at-right', 'event right', 'event left', 'gap', 'xenstore right at-right'],
    ]);
  });

  it('lists the steps of a run in its fold', () => {
    const steps = Array.from({ length: 50 }, (_, n) => ({ ...STEPS[2], at: n, what: `notify port ${n}` }) as TraceStep);
    const { text } = ladder(steps, 'backend');
    expect(text)
      .to.match(/port 0\.\.49.*50 ×/)
      .and.include('and 10 more');
    expect(text.match(/harness &#62; driver/g)).to.have.length(40);
  });

  it('folds the earlier steps, and says how many are not in it', () => {
    const steps = Array.from(
      { length: 200 },
      (_, n) => ({ ...STEPS[n % 2 ? 1 : 2], at: 0, what: `frame: ${'abc'[n % 3]}` }) as TraceStep,
    );
    expect(ladder(steps, 'backend').text).to.include('64 earlier steps, after 120 that only the trace file has');
    expect(ladder(steps.slice(0, 16), 'backend').text).not.to.include('earlier');
  });

  it('escapes any text of a driver', () => {
    const { text } = ladder([{ at: 0, from: 'xenstore', to: 'harness', what: HOSTILE }], 'backend');
    expect(text).not.to.match(/<script|\x1b|\0/);
  });
});
