/** Whether memory use stays constant during a long run. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Figure } from './figure.js';
import { pingAll, Wire } from './wire.js';

const MIB = 1024 * 1024;
const FRAMES = 1_000_000;
const CONNECTIONS = 10_000;

/** MiB of heap after many frames, and after many connections, compared with a tenth of them. */
export async function memory(): Promise<Figure[]> {
  const frames = new Wire('backend');
  await frames.start();
  const peer = await frames.connect();
  const flat = [await flatness(`memory: heap after ${FRAMES} frames`, FRAMES, (count) => pingAll(peer, count / 2))];
  await frames.disconnect(peer);
  await frames.close();
  for (const role of ['frontend', 'backend'] as const) {
    const wire = new Wire(role);
    await wire.start();
    const connect = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) await wire.disconnect(await wire.connect());
    };
    flat.push(await flatness(`memory: heap after ${CONNECTIONS} connections, ${role}`, CONNECTIONS, connect));
    await wire.close();
  }
  return flat;
}

/** MiB of heap after `work` was done `count` times, compared with a tenth of them. */
export async function flatness(
  name: string,
  count: number,
  work: (count: number) => Promise<unknown>,
): Promise<Figure> {
  const tenths: number[] = [];
  for (let tenth = 0; tenth < 10; tenth++) {
    await work(count / 10);
    tenths.push(await heap());
  }
  const [first = 0] = tenths;
  const last = tenths.at(-1) ?? 0;
  return {
    name,
    value: last,
    unit: 'MiB',
    yardstick: 'after a tenth of them',
    ratio: last / first,
    spread: [Math.min(...tenths), Math.max(...tenths)],
  };
}

/**
 * MiB of heap and external memory in use, after garbage collection. The collection runs twice, since the target of a
 * weak reference that was read in a turn of the event loop is kept until the end of that turn.
 */
async function heap(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  await new Promise(setImmediate);
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / MIB;
}
