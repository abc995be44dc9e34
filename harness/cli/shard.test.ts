import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeRecord } from '../../reports/records.js';
import { session, test } from '../../reports/records.fixture.js';
import { SUITES } from '../../suites/index.js';
import { UsageError } from '../base/errors.js';
import { shardOf } from './shard.js';

const ANCHOR = 'frontend.xenbus.connect';
const FRONTEND = SUITES.filter(({ role }) => role === 'frontend');
const partsOf = (n: number, times?: string): string[][] =>
  Array.from({ length: n }, (_, i) => shardOf(FRONTEND, `${i + 1}/${n}`, times).map(({ id }) => id));

describe('shards', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'netifspec-shard-'))));
  after(() => rmSync(folder, { recursive: true }));

  for (const n of [1, 2, 7]) {
    it(`of ${n} contain each test once, except the connection test, in parts of equal size`, () => {
      const parts = partsOf(n).map((ids) => ids.filter((id) => id !== ANCHOR));
      expect(parts.flat().sort()).to.deep.equal(
        FRONTEND.map(({ id }) => id)
          .filter((id) => id !== ANCHOR)
          .sort(),
      );
      const sizes = parts.map(({ length }) => length);
      expect(Math.max(...sizes) - Math.min(...sizes)).to.be.at.most(1);
      for (const part of partsOf(n)) expect(part).to.include(ANCHOR);
    });
  }

  it('are balanced by the durations of an earlier run, also with new tests', () => {
    const [long, ...others] = FRONTEND.filter(({ id }) => id !== ANCHOR).slice(0, -1);
    const timed = [
      test({ id: long?.id ?? '', durationMs: 10_000 }),
      ...others.map(({ id }) => test({ id, durationMs: 10 })),
    ];
    writeFileSync(join(folder, 'results.jsonl'), [session(), ...timed].map(encodeRecord).join(''));
    const [first, second] = partsOf(2, folder);
    expect(first?.filter((id) => id !== ANCHOR)).to.deep.equal([long?.id]);
    expect(second).to.have.length(FRONTEND.length - 1);
  });

  for (const part of ['0/2', '3/2', '1', '1/0', 'a/b', '-1/2']) {
    it(`reject ${part}`, () => {
      expect(() => shardOf(FRONTEND, part)).to.throw(UsageError, /I\/N/);
    });
  }

  it('reject a folder of durations without results', () => {
    expect(() => shardOf(FRONTEND, '1/2', join(folder, 'none'))).to.throw(UsageError, /no such file/);
  });
});
