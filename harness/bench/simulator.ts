/** The speed of the simulator: frames, whole suites, and growth with queues, grants and tests. */
import { CATALOGUE } from '../../suites/catalogue.js';
import { SUITES } from '../../suites/index.js';
import { decodeFrame } from '../packet/frame.js';
import { ping4 } from '../packet/build.js';
import { Stack } from '../packet/stack.js';
import { FrontendPeer } from '../peer/frontend.js';
import { linkOf } from '../peer/link.js';
import { GREF_LIST_MAX } from '../protocol/netif.js';
import { ROLES } from '../run/record.js';
import { runSession } from '../run/session.js';
import { simulatedSession } from '../run/simulated-session.js';
import type { Tests } from '../run/suite.js';
import { compare, type Comparison, type Figure, medianOf, timed } from './figure.js';
import { MOST_QUEUES, pingAll, Wire } from './wire.js';

const ROUNDS = 7;
const PINGS = 4000;
/** Seconds for the suites of both roles together. */
const SUITE_GOAL_S = 3;

/** The cost for growing numbers of something. */
export interface Growth {
  /** The thing that grows in number. */
  readonly of: string;
  readonly unit: string;
  /** Pairs of number and cost. */
  readonly points: readonly (readonly [number, number])[];
}

/** Frames per second through a peer and a reference driver, compared with a stack called without a ring. */
export async function frameRates(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const role of ROLES) {
    for (const length of [64, 8192]) {
      const wire = new Wire(role);
      await wire.start();
      const peer = await wire.connect();
      const rate = async (work: () => number | Promise<number>): Promise<number> => {
        let frames = 0;
        const ms = await timed(async () => (frames = await work()));
        return (frames / ms) * 1000;
      };
      figures.push(
        await compare({
          name: `simulator: pings of ${length} bytes, reference ${role}`,
          unit: 'frames/s',
          rounds: ROUNDS,
          ours: () => rate(() => pingAll(peer, PINGS, length)),
          yardstick: { name: 'its stack alone', measure: () => rate(() => stackAlone(length)) },
        }),
      );
      await wire.disconnect(peer);
      await wire.close();
    }
  }
  return figures;
}

/** The same pings and replies, built, decoded and checked, without Xen. */
function stackAlone(length: number): number {
  const { peer, iut } = linkOf(20);
  const stack = new Stack(iut);
  const payload = new Uint8Array(length);
  for (let seq = 0; seq < PINGS; seq++) {
    const [answer] = stack.receive(ping4(peer, iut, { id: 1, seq, payload }));
    if (!answer || !decodeFrame(answer).ok) throw new Error('the stack does not reply');
  }
  return 2 * PINGS;
}

/** Seconds for the whole suite, one role after the other, as `netifspec run` does it. */
export async function suiteTime(): Promise<Figure[]> {
  const whole: Comparison = {
    name: `simulator: whole suite, ${SUITES.length} tests`,
    unit: 's',
    rounds: 5,
    ours: async () => (await timed(() => runTests(SUITES))) / 1000,
    yardstick: { name: `the goal of ${SUITE_GOAL_S} s`, measure: () => SUITE_GOAL_S },
  };
  const figure = await compare(whole);
  const each = (seconds: number): number => (seconds / SUITES.length) * 1000;
  const [least, most] = figure.spread;
  return [
    figure,
    {
      name: 'simulator: a test',
      value: each(figure.value),
      unit: 'ms',
      yardstick: null,
      ratio: null,
      spread: [each(least), each(most)],
    },
  ];
}

async function runTests(tests: Tests): Promise<void> {
  for (const role of ROLES) {
    const planned = tests.filter((test) => test.role === role);
    if (planned.length === 0) continue;
    await runSession(simulatedSession(role, CATALOGUE, { tests: planned, onRecord: () => undefined }));
  }
}

/** The cost of frames with more queues, of grants with more of them per request, and of a run with more tests. */
export async function growths(): Promise<Growth[]> {
  return [await growthWithQueues(), await growthWithGrants(), await growthWithTests()];
}

async function growthWithQueues(): Promise<Growth> {
  const wire = new Wire('backend');
  await wire.start();
  const points: [number, number][] = [];
  for (let queues = 1; queues <= MOST_QUEUES; queues *= 2) {
    const peer = await wire.connect(queues);
    points.push([queues, await medianOf(ROUNDS, () => timed(() => pingAll(peer, queues * 500)))]);
    await wire.disconnect(peer);
  }
  await wire.close();
  return { of: 'queues, 500 pings on each', unit: 'ms', points };
}

async function growthWithGrants(): Promise<Growth> {
  const wire = new Wire('backend');
  await wire.start();
  const peer = await wire.connect();
  if (!(peer instanceof FrontendPeer)) throw new Error('the peer of a backend is a frontend');
  const { control } = peer;
  const refs = Array.from({ length: GREF_LIST_MAX }, () => control.offer('read-write').ref);
  const points: [number, number][] = [];
  for (let count = 1; count <= GREF_LIST_MAX; count *= 2) {
    const list = control.list(refs.slice(0, count).map((ref) => ({ ref, flags: 0, status: 0 })));
    const addAndDelete = async (): Promise<void> => {
      for (let n = 0; n < 20; n++) {
        const added = await control.addGrefMapping(0, list);
        const gone = await control.delGrefMapping(0, list);
        if (added.status !== 0 || gone.status !== 0) throw new Error(`ADD ${added.status}, DEL ${gone.status}`);
      }
    };
    points.push([count, await medianOf(ROUNDS, async () => (await timed(addAndDelete)) / 20)]);
  }
  await wire.disconnect(peer);
  await wire.close();
  return { of: 'grants that one request maps and another unmaps', unit: 'ms', points };
}

/** The same few tests repeatedly, since different tests have different costs. */
async function growthWithTests(): Promise<Growth> {
  const sample = SUITES.filter(({ id }) => /^backend\.(rings|transmit)\./.test(id));
  const points: [number, number][] = [];
  for (let times = 1; times <= 16; times *= 2) {
    const tests = Array.from({ length: times }, () => sample).flat();
    points.push([tests.length, await medianOf(3, () => timed(() => runTests(tests)))]);
  }
  return { of: 'tests of a run', unit: 'ms', points };
}
