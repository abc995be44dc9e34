/**
 * Explores every defect and every legal driver: how many defects are found, by their own requirement or by another, and
 * whether a legal driver fails.
 *
 *     npm run explore:proof -- [sequences for each driver] [part of the drivers' ids]
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { DEFECTS } from '../reference/defects/index.js';
import { LEGAL } from '../reference/legal/index.js';
import { ROLES } from '../run/record.js';
import { failedBy, type Run } from '../validate/evidence.js';
import { Pool } from '../validate/pool.js';
import { legalHoles } from '../validate/rules.js';

const WORKER = fileURLToPath(new URL('../validate/worker.js', import.meta.url));
/** Processor time for one driver, in milliseconds. */
const PATIENCE_MS = 600_000;

const [sequences = '100', part = ''] = process.argv.slice(2);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Explores drivers; returns each with its run. */
async function explored<D extends { readonly id: string }>(drivers: readonly D[]): Promise<(D & { run: Run })[]> {
  const chosen = drivers.filter(({ id }) => id.includes(part));
  let done = 0;
  const onDone = (): void => void process.stderr.write(`\r${++done} of ${chosen.length} `);
  const pool = new Pool(WORKER, { processes: availableParallelism(), patienceMs: PATIENCE_MS, onDone });
  try {
    const runs = await pool.run(
      chosen.map(({ id }) => {
        const role = id.startsWith('frontend.') ? 'frontend' : 'backend';
        return { role, driver: id, tests: [], sequences: Number(sequences) };
      }),
    );
    return chosen.map((driver, n) => ({ ...driver, run: runs[n] ?? { outcomes: [] } }));
  } finally {
    pool.close();
  }
}

for (const { id, warns = [], run } of await explored(LEGAL)) {
  for (const { message } of legalHoles({ id, warns }, run)) print(`legal: ${id}: ${message}`);
}
const defects = await explored(DEFECTS);
const isFound = ({ run }: { readonly run: Run }): boolean => failedBy(run).length > 0 || run.fault !== undefined;
for (const defect of defects) if (!isFound(defect)) print(`not found: ${defect.id}: ${defect.fault}`);
for (const role of ROLES) {
  const own = defects.filter(({ id }) => id.startsWith(`${role}.`));
  const found = own.filter(isFound);
  const named = found.filter(({ run, breaks }) => failedBy(run, breaks).length > 0);
  print(`${role}: ${own.length} defects, ${found.length} found, ${named.length} of them by their own requirement`);
}
