import { DOMParser, onErrorStopParsing } from '@xmldom/xmldom';
import { expect } from 'chai';
import { badge } from './badge.js';
import type { Group } from './records.js';
import { end, failure, HOSTILE, saying, session, skipped, test } from './records.fixture.js';

const expectation = { verdict: 'fail', reason: 'old', source: 'x.c', met: true } as const;
const group = (tests: Group['tests'], fields: Partial<Group> = {}): Group => ({
  session: session({ planned: tests.length }),
  tests,
  end: end(),
  ...fields,
});

/** The text and the colour of a badge. Throws if it is not well-formed. */
function read(picture: string): { label: string | undefined; color: string | undefined } {
  const svg = new DOMParser({ onError: onErrorStopParsing }).parseFromString(picture, 'image/svg+xml');
  const rectangles = [...svg.getElementsByTagName('rect')].map((each) => each.getAttribute('fill') ?? undefined);
  return { label: svg.getElementsByTagName('title')[0]?.textContent ?? undefined, color: rectangles[2] };
}

describe('badge', () => {
  for (const [what, of, text, color] of [
    ['a pass', group([test(), skipped('x', { id: 'a' })]), '1 passed', '#2c8a57'],
    ['a known deviation', group([test(), failure({ expectation })]), '1 passed, 1 known', '#2c8a57'],
    ['a warning', group([test({ ...saying('warn', 'slow') })]), '0 passed, 1 warned', '#a86e00'],
    ['a failure', group([test(), failure()]), '1 of 2 failed', '#c9372c'],
    ['an error', group([failure(), test({ ...saying('error', 'lab') })]), '1 error', '#9440b8'],
    ['a run that was cut short', { session: session(), tests: [test()] }, 'incomplete', '#9440b8'],
    ['a run without tests', group([skipped('x')]), 'incomplete', '#9440b8'],
  ] as const) {
    it(`shows ${what}`, () => {
      expect(read(badge(of, false))).to.deep.equal({ label: `netifspec linux: ${text}`, color });
    });
  }

  it('counts a warning as a failure if strict', () => {
    expect(read(badge(group([test({ ...saying('warn', 'slow') })]), true)).label).to.equal(
      'netifspec linux: 1 of 1 failed',
    );
  });

  it('is well-formed and runs no script, whatever the target is called', () => {
    const picture = badge(group([test()], { session: session({ target: HOSTILE }) }), false);
    expect(read(picture).label).to.include('<script>alert');
    expect(picture).not.to.include('<script');
  });
});
