import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeRecord } from '../../reports/records.js';
import { end, failure, session, test } from '../../reports/records.fixture.js';
import { repeat } from './repeat.js';

describe('repeated rounds', () => {
  let out: string;
  /** The targets of each call of the runner. */
  let ran: string[][];
  let printed: string;
  beforeEach(() => {
    out = mkdtempSync(join(tmpdir(), 'netifspec-repeat-'));
    ran = [];
    printed = '';
  });
  afterEach(() => rmSync(out, { recursive: true }));

  /** Runs rounds; `result` is the record of a target, and whether its run ends. */
  function rounds(
    count: number,
    result: (target: string, call: number) => { record?: ReturnType<typeof test>; ends?: boolean } = () => ({}),
    signal = new AbortController().signal,
  ): Promise<number> {
    return repeat({
      rounds: count,
      out,
      targets: ['linux', 'bsd'],
      strict: false,
      log: () => undefined,
      print: (table) => (printed = table),
      run: (folders) => {
        ran.push([...folders.keys()]);
        for (const [target, folder] of folders) {
          const { record = test(), ends = true } = result(target, ran.length);
          const records = [session({ target, planned: 1 }), { ...record, target }, ...(ends ? [end({ target })] : [])];
          mkdirSync(folder, { recursive: true });
          writeFileSync(join(folder, 'results.jsonl'), records.map(encodeRecord).join(''));
        }
        return Promise.resolve();
      },
      signal,
    });
  }

  it('run each target in each round', async () => {
    expect(await rounds(2)).to.equal(0);
    expect(ran).to.deep.equal([
      ['linux', 'bsd'],
      ['linux', 'bsd'],
    ]);
    expect(printed).to.equal('2 rounds of 2 tests: no verdict differs\n');
  });

  it('return 1 if a verdict differs, and name the rounds', async () => {
    const code = await rounds(3, (target, call) =>
      target === 'bsd' && call === 2 ? { record: failure({ id: test().id }) } : {},
    );
    expect(code).to.equal(1);
    expect(printed).to.match(
      /^3 rounds of 2 tests: 1 verdict differs:\n {2}bsd .* passed 2 \(round 1, 3\); failed 1 \(round 2\)$/m,
    );
  });

  it('continue after the rounds that an earlier call finished', async () => {
    expect(await rounds(2, (target, call) => ({ ends: !(target === 'bsd' && call === 2) }))).to.equal(3);
    expect(await rounds(3)).to.equal(0);
    expect(ran.slice(2)).to.deep.equal([[], ['bsd'], ['linux', 'bsd']]);
    expect(printed).to.match(/^3 rounds of 2 tests: no verdict differs$/m);
  });

  it('return 3 if no round was run', async () => {
    expect(await rounds(2, undefined, AbortSignal.abort())).to.equal(3);
    expect(ran).to.deep.equal([]);
  });
});
