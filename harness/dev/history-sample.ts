/** Nightly runs of a simulated driver in which bugs come and go, for a picture of `report history`. */
import { DEFECTS } from '../reference/defects/index.js';
import type { ResultRecord } from '../run/record.js';
import { referenceDriver } from '../run/reference-driver.js';
import { runSession } from '../run/session.js';
import { openSimulatedIut } from '../run/simulated-iut.js';
import { simulatedSession } from '../run/simulated-session.js';
import { referenceTarget } from '../run/target.js';
import { CATALOGUE } from '../../suites/catalogue.js';

/** The defect of the driver on each night, and on how many nights in a row; undefined for a correct driver. */
const NIGHTS: readonly (readonly [defect: string | undefined, nights: number])[] = [
  ['backend.transmit.ignores-offset', 6],
  [undefined, 5],
  ['backend.completed.ignores-options', 1],
  [undefined, 4],
  ['backend.flows.cache-full', 4],
];
const FIRST = Date.UTC(2026, 9, 1, 2);
const DAY_MS = 86_400_000;

/** The records of each night, oldest first. */
export async function historyRecords(): Promise<ResultRecord[][]> {
  const defects = NIGHTS.flatMap(([defect, nights]) => Array<string | undefined>(nights).fill(defect));
  const runs: ResultRecord[][] = [];
  for (const [night, id] of defects.entries()) {
    const planted = id === undefined ? {} : DEFECTS.find((defect) => defect.id === id);
    if (!planted) throw new Error(`no defect is called ${id}`);
    const records: ResultRecord[] = [];
    const started = new Date(FIRST + night * DAY_MS).toISOString();
    await runSession(
      simulatedSession('backend', CATALOGUE, {
        target: { ...referenceTarget('backend'), name: 'my-netback' },
        command: ['netifspec', 'run', '--target', 'my-netback.yaml'],
        open: () => openSimulatedIut('backend', night + 1, referenceDriver(planted)),
        onRecord: (record) => records.push(record.type === 'session' ? { ...record, started } : record),
      }),
    );
    runs.push(records);
  }
  return runs;
}
