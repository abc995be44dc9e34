/** Attacks among legal steps. */
import fc from 'fast-check';
import { type Attacks, type Checking, underAttack, type Victim } from '../../../suites/support/attacks.js';
import type { Step } from '../step.js';

interface Connecting<V> extends Checking {
  fresh(): Promise<V>;
  unplug(vif: V): Promise<void>;
}

/**
 * A step in which another vif breaks the protocol; the vifs of the sequence must not notice.
 *
 * @param requirement the requirement that the other vifs keep working, which `passes` checks
 */
export function attackStep<V extends Victim, T extends Connecting<V>, W extends { readonly t: T }, M>(
  requirement: string,
  attacks: Attacks<T, V>,
  passes: (world: W) => Promise<void>,
): Step<W, M, { attack: string }> {
  return {
    name: 'attack',
    destructive: true,
    checks: [requirement],
    args: fc.record({ attack: fc.constantFrom(...attacks.map(([name]) => name)) }),
    when: () => true,
    async run(world, model, { attack: chosen }) {
      const { t } = world;
      const [, , attack] = attacks.find(([name]) => name === chosen) ?? [];
      if (!attack) throw new Error(`no attack is called ${chosen}`);
      const vif = await t.fresh();
      await underAttack([t, vif], requirement, attack, () => passes(world));
      await t.unplug(vif);
      await passes(world);
      return model;
    },
  };
}
