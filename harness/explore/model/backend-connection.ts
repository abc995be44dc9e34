/** A backend's connections: another one on the same vif, with work in its rings, and further vifs. */
import fc from 'fast-check';
import { reconnect } from '../../../suites/backend/connection-verbs.js';
import { noOthersThan } from '../../../suites/support/stale-queues.js';
import { ATTACKS } from '../../../suites/backend/robustness.js';
import type { Step } from '../step.js';
import { attackStep } from './attack.js';
import { type BackendModel, type BackendWorld, connected, optionsOf, withVif } from './backend.js';
import { END, type EndIndex } from './ends.js';
import { anyChoice, type Choice } from './choice.js';
import { stillPasses } from './backend-traffic.js';

type BackendStep<A> = Step<BackendWorld, BackendModel, A>;

const again: BackendStep<{ end: EndIndex; choice: Choice; inFlight: number }> = {
  name: 'reconnect',
  checks: ['XB-14'],
  args: fc.record({ end: END, choice: anyChoice, inFlight: fc.constantFrom(0, 1, 16, 64) }),
  when: () => true,
  async run(world, model, { end, choice, inFlight }) {
    const { t, vifs } = world;
    const vif = vifs[end];
    for (let n = 0; n < inFlight; n++) vif.queue.tx.enqueue(vif.quietFrame());
    vif.queue.pushTx();
    const next = connected(choice, model.offer, model.vifs[end]);
    const options = optionsOf(next);
    const { queues = 1, keys } = options;
    const withoutOld = { ...options, keys: { ...noOthersThan(queues), ...keys } };
    await t.check('XB-14', () => reconnect(t, vif, withoutOld));
    await t.bridge(vifs);
    await stillPasses(world, end, 'XB-14');
    return withVif(model, end, next);
  },
};

const neighbour: BackendStep<{ busy: boolean }> = {
  name: 'neighbour',
  checks: ['ROB-01'],
  args: fc.record({ busy: fc.boolean() }),
  when: () => true,
  async run(world, model, { busy }) {
    const { t } = world;
    await t.check('ROB-01', async () => {
      const vif = await t.plug();
      await vif.connect();
      // Its interface may never be started, so no response is due.
      for (let n = 0; busy && n < 32; n++) vif.queue.tx.enqueue(vif.quietFrame());
      vif.queue.pushTx();
      await t.unplug(vif);
    });
    await stillPasses(world, 0, 'ROB-01');
    return model;
  },
};

const attack: BackendStep<{ attack: string }> = attackStep('ROB-01', ATTACKS, (world: BackendWorld) =>
  stillPasses(world, 0, 'ROB-01'),
);

/** The steps of this file. */
export const BACKEND_CONNECTIONS: readonly Step<BackendWorld, BackendModel, unknown>[] = [again, neighbour, attack];
