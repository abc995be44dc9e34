/** A frontend's connections: another offer for a new vif in the place of one, and further vifs. */
import fc from 'fast-check';
import { expect } from 'chai';
import { ATTACKS } from '../../../suites/frontend/robustness.js';
import type { Step } from '../step.js';
import { attackStep } from './attack.js';
import { anyChoice, type Choice, offerOf } from './choice.js';
import { END, type EndIndex, withEnd } from './ends.js';
import { type FrontendModel, type FrontendWorld, keysOf } from './frontend.js';
import { bothPass } from './frontend-traffic.js';

type FrontendStep<A> = Step<FrontendWorld, FrontendModel, A>;

/** A vif is unplugged, perhaps with packets under way, and another one plugged in its place. */
const replace: FrontendStep<{ end: EndIndex; choice: Choice; inFlight: number }> = {
  name: 'replace',
  checks: ['XB-14', 'MQ-04'],
  args: fc.record({ end: END, choice: anyChoice, inFlight: fc.constantFrom(0, 1, 16) }),
  when: () => true,
  async run(world, model, { end, choice, inFlight }) {
    const { t, vifs } = world;
    const old = vifs[end];
    for (let n = 0; n < inFlight && old.queue.rx.buffers.length > 0; n++) old.queue.rx.enqueue(old.quietFrame());
    old.queue.pushRx();
    await t.unplug(old);
    const vif = await t.plug(keysOf(choice));
    await t.check('XB-14', () => vif.connect());
    vifs[end] = vif;
    await t.bridge(vifs);
    await t.check('MQ-04', () => expect(vif.queues.length, 'queues').to.be.at.most(choice.queues));
    await bothPass(world, 'XB-14');
    return { offers: withEnd(model.offers, end, offerOf(vif.published)) };
  },
};

const neighbour: FrontendStep<Record<string, never>> = {
  name: 'neighbour',
  checks: ['ROB-02'],
  args: fc.record({}),
  when: () => true,
  async run(world, model) {
    const { t } = world;
    await t.check('ROB-02', async () => {
      const vif = await t.plug();
      await vif.connect();
      await vif.deliver(vif.quietFrame());
      await t.unplug(vif);
    });
    await bothPass(world, 'ROB-02');
    return model;
  },
};

const attack: FrontendStep<{ attack: string }> = attackStep('ROB-02', ATTACKS, (world: FrontendWorld) =>
  bothPass(world, 'ROB-02'),
);

/** The steps of this file. */
export const FRONTEND_CONNECTIONS: readonly Step<FrontendWorld, FrontendModel, unknown>[] = [
  replace,
  neighbour,
  attack,
];
