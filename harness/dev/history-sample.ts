/** Nightly runs of a simulated driver in which bugs come and go, for a picture of `report history`. */
import { DEFECTS } from '../reference/defects/index.js';
import type { ResultRecord } from '../run/record.js';
import { sampleRun } from './sample-run.js';

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
    const started = new Date(FIRST + night * DAY_MS).toISOString();
    const records = await sampleRun('backend', 'my-netback', planted, night + 1);
    runs.push(records.map((record) => (record.type === 'session' ? { ...record, started } : record)));
  }
  return runs;
}
