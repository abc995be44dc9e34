import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Pool } from './pool.js';

/** Does to each job what the name of the job's driver says. */
const WORKER = `
import { writeSync } from 'node:fs';
process.on('message', ({ driver, tests }) => {
  if (driver === 'sulks') for (;;);
  writeSync(4, tests[0].padEnd(100), 0);
  if (driver === 'spins') for (;;);
  if (driver === 'waits') return;
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

  it('reports a job that does not end, dies or throws, and continues with the next job', async () => {
    const jobs = ['works', 'sulks', 'spins', 'waits', 'dies', 'throws', 'works'].map((driver) => ({
      role: 'backend' as const,
      driver,
      tests: [`backend.a.${driver}`],
    }));
    const pool = new Pool(join(folder, 'worker.mjs'), { processes: 1, patienceMs: 1000 });
    const runs = await pool.run(jobs);
    pool.close();
    expect(runs.map(({ fault }) => fault)).to.deep.equal([
      undefined,
      'was given up before its first test: the driver hangs: it used the processor for 1000 ms without returning',
      'was given up in backend.a.spins: the driver hangs: it used the processor for 1000 ms without returning',
      'was given up in backend.a.waits: the driver hangs: it blocked its thread for 1000 ms',
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
      [],
      ['backend.a.works'],
    ]);
  });
});
