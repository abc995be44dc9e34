import { expect } from 'chai';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRecords } from '../../reports/records.js';
import { MAIN } from '../base/root.js';
import type { Role } from '../run/record.js';

/** Processes that compete for the processors. */
const LOAD = 16;
/** How often a run is stopped, and for how long. */
const STOPS = 3;
const STOP_MS = 1500;

describe('a run on a disturbed machine', function () {
  this.timeout(240_000);
  let folder: string;
  const spinners: ChildProcess[] = [];
  before(() => (folder = mkdtempSync(join(tmpdir(), 'netifspec-disturbed-'))));
  afterEach(() => spinners.splice(0).forEach((spinner) => spinner.kill('SIGKILL')));
  after(() => rmSync(folder, { recursive: true }));

  const args = (role: Role, out: string): string[] => [MAIN, 'run', '--role', role, '--out', join(folder, out)];
  const quietly = (role: Role): string[] => {
    expect(spawnSync(process.execPath, args(role, 'quiet')).status).to.equal(0);
    return verdicts('quiet');
  };
  const verdicts = (out: string): string[] =>
    readRecords(join(folder, out, 'results.jsonl')).flatMap((record) =>
      record.type === 'test' ? [`${record.id} ${record.verdict}`] : [],
    );

  it(`of backends has the same verdicts at a load of ${LOAD}`, () => {
    const quiet = quietly('backend');
    for (let n = 0; n < LOAD; n++) spinners.push(spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
    expect(spawnSync(process.execPath, args('backend', 'loaded')).status).to.equal(0);
    expect(verdicts('loaded')).to.deep.equal(quiet);
  });

  it(`of frontends has the same verdicts if it is stopped ${STOPS} times`, async () => {
    const quiet = quietly('frontend');
    const run = spawn(process.execPath, args('frontend', 'stopped'), { stdio: ['ignore', 'pipe', 'ignore'] });
    const ended = new Promise<number | null>((resolve) => run.on('close', resolve));
    let stops = 0;
    // Its progress is the sign that tests are running.
    run.stdout.on('data', () => {
      if (stops++ >= STOPS) return;
      run.kill('SIGSTOP');
      setTimeout(() => run.kill('SIGCONT'), STOP_MS);
    });
    expect(await ended).to.equal(0);
    expect(stops).to.be.at.least(STOPS);
    expect(verdicts('stopped')).to.deep.equal(quiet);
  });
});
