import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Pool } from './pool.js';

/** Does to each job what the job's driver is called. */
const WORKER = `
import { writeSync } from 'node:fs';
process.on('message', ({ driver, tests }) => {
  if (driver === 'sulks') for (;;);
  writeSync(4, tests[0].padEnd(100), 0);
  if (driver === 'spins') for (;;);
  if (driver === 'dies') process.exit(7);
  if (driver === 'throws') return process.send({ thrown: 'no such page' });
  process.send({ outcomes: [{ id: tests[0], verdict: 'pass', checks: [], cost: 1 }] });
});`;

describe('pool', function () {
  this.timeout(20_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'netifspec-pool-'));
    writeFileSync(join(folder, 'worker.mjs'), WORKER);
  });
  after(() => rmSync(folder, { recursive: true }));

  it('names what spins, dies or throws, and goes on with the next job', async () => {
    const jobs = ['works', 'sulks', 'spins', 'dies', 'throws', 'works'].map((driver) => ({
      role: 'backend' as const,
      driver,
      tests: [`backend.a.${driver}`],
    }));
    const pool = new Pool(join(folder, 'worker.mjs'), { processes: 1, patienceMs: 1000 });
    const runs = await pool.run(jobs);
    pool.close();
    expect(runs.map(({ fault }) => fault)).to.deep.equal([
      undefined,
      'spins before its first test: not done after 1 s',
      'spins in backend.a.spins: not done after 1 s',
      'its process ended in backend.a.dies by exit code 7',
      'throws in backend.a.throws: no such page',
      undefined,
    ]);
    expect(runs.map(({ outcomes }) => outcomes.map(({ id }) => id))).to.deep.equal([
      ['backend.a.works'],
      [],
      [],
      [],
      [],
      ['backend.a.works'],
    ]);
  });
});
