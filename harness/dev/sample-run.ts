/** Runs of simulated drivers under the names of a vendor's, for pictures. */
import type { ResultRecord, Role } from '../run/record.js';
import { type PlantedSteps, referenceDriver } from '../run/reference-driver.js';
import { runSession } from '../run/session.js';
import { openSimulatedIut } from '../run/simulated-iut.js';
import { simulatedSession } from '../run/simulated-session.js';
import { referenceTarget } from '../run/target.js';
import { CATALOGUE } from '../../suites/catalogue.js';

/** The records of all tests of a role, for a reference driver with these steps as the driver of target `name`. */
export async function sampleRun(role: Role, name: string, steps: PlantedSteps, seed = 1): Promise<ResultRecord[]> {
  const records: ResultRecord[] = [];
  await runSession(
    simulatedSession(role, CATALOGUE, {
      target: { ...referenceTarget(role), name },
      command: ['netifspec', 'run', '--target', `${name}.yaml`],
      open: () => openSimulatedIut(role, seed, referenceDriver(steps), `simulated ${name}`),
      onRecord: (record) => records.push(record),
    }),
  );
  return records;
}
