/** A fleet as `report merge` sees it, for pictures: simulated drivers that make the choices of real ones, and a faulty one. */
import { DEFECTS } from '../reference/defects/index.js';
import { LEGAL } from '../reference/legal/index.js';
import type { ResultRecord } from '../run/record.js';
import type { PlantedSteps } from '../run/reference-driver.js';
import { sampleRun } from './sample-run.js';

const FAULTY = 'backend.transmit.ignores-offset';
const PERSONAS = [
  'backend.linux-6',
  'backend.freebsd',
  'backend.netbsd',
  'backend.qemu-10',
  'frontend.linux',
  'frontend.windows',
  'frontend.mini-os',
];

/** The records of all tests of all drivers of the fleet. A run of this needs about 10 s for each driver. */
export async function fleetRecords(): Promise<ResultRecord[]> {
  const drivers: (PlantedSteps & { readonly id: string; readonly name: string })[] = [
    ...DEFECTS.filter(({ id }) => id === FAULTY).map((defect) => ({ ...defect, name: 'my-netback' })),
    ...LEGAL.filter(({ id }) => PERSONAS.includes(id)).map((driver) => ({ ...driver, name: named(driver.id) })),
  ];
  if (drivers.length !== PERSONAS.length + 1) throw new Error(`the fleet needs ${[FAULTY, ...PERSONAS].join(', ')}`);
  const records: ResultRecord[] = [];
  for (const { id, name, ...steps } of drivers) {
    const role = id.startsWith('backend') ? 'backend' : 'frontend';
    records.push(...(await sampleRun(role, name, steps)));
  }
  return records;
}

/** `backend.linux-6` is called `linux-6-netback`. */
function named(id: string): string {
  const [role, name] = id.split('.');
  return `${name}-${role === 'backend' ? 'netback' : 'netfront'}`;
}
