/** The time to connect a fresh vif on a real Xen, and the share of this process in it. */
import type { PeerContext } from '../peer/context.js';
import { type Figure, median } from './figure.js';
import { type Guest, LiveVif } from './live.js';
import { flatness } from './memory.js';
import { nativeHoldings } from '../xen/native/index.js';

const TIMES = 20;
const MANY = 1000;
const OURS = 'our own CPU time in it';

/** Milliseconds of each step of a fresh vif, compared with the CPU time of this process. */
export async function freshVifs(context: PeerContext, guest: Guest): Promise<Figure[]> {
  const steps = { connect: [], configure: [], close: [] } as Record<string, { ms: number; cpu: number }[]>;
  const measured = async <T>(step: string, work: () => Promise<T>): Promise<T> => {
    const [started, before] = [performance.now(), process.cpuUsage()];
    const result = await work();
    const { user, system } = process.cpuUsage(before);
    steps[step]?.push({ ms: performance.now() - started, cpu: (user + system) / 1000 });
    return result;
  };
  for (let n = 0; n < TIMES; n++) {
    const live = await measured('connect', () => LiveVif.connect(context, guest));
    await measured('configure', () => live.configure());
    await measured('close', () => live.close());
  }
  return Object.entries(steps).map(([step, times]) => ({
    name: `fresh vif of ${guest.driver}: ${step}`,
    value: median(times.map(({ ms }) => ms)),
    unit: 'ms',
    yardstick: OURS,
    ratio: median(times.map(({ ms, cpu }) => ms / cpu)),
    spread: [Math.min(...times.map(({ ms }) => ms)), Math.max(...times.map(({ ms }) => ms))],
  }));
}

/** MiB of heap after many vifs, compared with a tenth of them. Throws if they leaked other resources. */
export async function manyVifs(context: PeerContext, guest: Guest): Promise<Figure> {
  const figure = await flatness(`memory: heap after ${MANY} connections to ${guest.driver}`, MANY, async (count) => {
    for (let n = 0; n < count; n++) await (await LiveVif.connect(context, guest)).close();
  });
  const left = Object.entries(nativeHoldings()).filter(([, count]) => count > 0);
  if (left.length > 0) throw new Error(`leaked resources after ${MANY} vifs: ${left.map(String).join('; ')}`);
  return figure;
}
