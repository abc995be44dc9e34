/** The commands of `netifspec report` that read many runs. */
import { expect } from 'chai';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TargetHistory } from '../../reports/history.js';
import { end, failure, session, test } from '../../reports/records.fixture.js';
import { encodeRecord } from '../../reports/records.js';
import type { SessionRecord, TestRecord } from '../run/record.js';
import { badgeCommand, diffCommand, historyCommand, markdownCommand } from './report.js';

describe('reports of several runs', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'netifspec-report-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const at = (path: string): string => join(folder, path);
  const write = (path: string, tests: readonly TestRecord[], fields: Partial<SessionRecord> = {}): void => {
    mkdirSync(at(path), { recursive: true });
    const first = session({ planned: tests.length, ...fields });
    const records = [first, ...tests, end()].map((record) => ({ ...record, target: first.target }));
    writeFileSync(at(`${path}/results.jsonl`), records.map(encodeRecord).join(''));
  };
  const read = (path: string): string => readFileSync(at(path), 'utf8');
  const [one, two] = [test({ id: 'frontend.rings.a' }), test({ id: 'frontend.rings.b' })];
  const started = (day: number): string => `2026-01-0${day}T00:00:00.000Z`;

  it('join the parts of a run, and keep runs of the same target apart', async () => {
    write('monday/1', [one], { started: started(5), shard: '1/2' });
    write('monday/2', [failure({ id: two.id })], { started: started(5), shard: '2/2' });
    write('friday/linux', [one], { started: started(2) });
    write('friday/bsd', [one, two], { started: started(2), target: 'bsd' });
    write('tuesday/2', [two], { started: started(6), shard: '2/2' });
    const folders = ['monday', 'friday', 'tuesday'].map(at);
    expect(await historyCommand(folders, { format: 'json', out: at('history.json') })).to.equal(0);
    const { targets } = JSON.parse(read('history.json')) as { targets: TargetHistory[] };
    expect(targets.map(({ target, runs }) => [target, runs.map((run) => [run.passed, run.failed])])).to.deep.equal([
      [
        'linux',
        [
          [1, 0],
          [1, 1],
          [1, 0],
        ],
      ],
      ['bsd', [[2, 0]]],
    ]);
    expect(targets[0]?.runs.map(({ problem }) => problem?.includes('part 1/2 is missing'))).to.deep.equal([
      undefined,
      undefined,
      true,
    ]);
    await historyCommand(folders, { format: 'html', out: at('history.html') });
    expect(read('history.html')).to.include('<h2>linux</h2>').and.include('<h2>bsd</h2>');
  });

  it('draw a picture for each target, in files with safe names', () => {
    write('a', [one]);
    write('b', [one], { target: '../../b' });
    expect(badgeCommand([at('a'), at('b')], { out: at('badges') })).to.equal(0);
    expect(readdirSync(at('badges')).sort()).to.deep.equal(['____b.svg', 'linux.svg']);
  });

  it('exit with 1 if something is worse, in every format', async () => {
    write('old', [one]);
    write('now', [failure({ id: one.id })]);
    for (const format of ['text', 'markdown', 'html', 'json'] as const) {
      expect(await diffCommand(at('old'), at('now'), { format, out: at(format) })).to.equal(1);
      expect(await diffCommand(at('now'), at('old'), { format, out: at(`${format}.fixed`) })).to.equal(0);
      expect(read(format)).to.include(format === 'text' ? 'BROKEN' : 'broken');
    }
  });

  it('refuse a baseline that does not exist', async () => {
    write('now', [one]);
    const refused = await markdownCommand([at('now')], { baseline: at('none') }).catch((error: unknown) => error);
    expect((refused as Error).message).to.match(/none: no such file or folder/);
  });
});
