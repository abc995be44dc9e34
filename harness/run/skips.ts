/** Why a test isn't run on a target at all. */
import { checkedIds } from '../../suites/checked.js';
import { requirement, standsIn } from '../../suites/requirements/index.js';
import type { Iut } from './iut.js';
import type { TestRecord } from './record.js';
import type { Reflector } from './reflectors.js';
import type { Ability, Tests } from './suite.js';

export type Skip = NonNullable<TestRecord['skip']>;

/** What a run has to offer to a test. */
export interface Offer {
  readonly iut: Iut;
  /** Whether the target lets tests take the guest down. */
  readonly destructive: boolean;
  /** The version of the text that the vendor claims. */
  readonly spec: string;
  /** What the driver advertises. */
  readonly features: Readonly<Record<string, string>>;
  /** The questions that the guest's stack answers, or must. */
  readonly reflectors: ReadonlySet<Reflector>;
}

/** Why a test can't be run where the driver's surroundings don't give what it needs. */
const LACKING: Readonly<Record<Ability, string>> = {
  bridge: 'no bridge can be made: it takes commands in the guest, or a driver that has one',
  carrier: 'nobody tells of a carrier: it takes commands in the guest, or a driver that tells',
  rebind: "the driver can't be taken off its device: it takes commands in the guest, or a driver that can be told",
  restore: 'the guest can\'t be saved and restored: it takes a "config" of the target, or a driver that can be told',
};

/** The first thing that `test` needs and that isn't there; undefined if it can run. */
export function skipReason(
  test: Tests[number],
  { iut, destructive, spec, features, reflectors }: Offer,
): Skip | undefined {
  const { reflector, needs, observer, gate } = test.options;
  if (test.options.destructive && !destructive) {
    return { class: 'not-allowed', reason: 'destructive: the target does not allow it' };
  }
  const named = checkedIds(test);
  if (named.length > 0 && !named.some((id) => standsIn(spec, requirement(id)))) {
    return { class: 'spec', reason: `newer than the text that is claimed: ${spec}` };
  }
  for (const each of [gate ?? []].flat()) {
    const key = each.replace(/^!/, '');
    const advertised = (features[key] ?? '0') !== '0';
    if (advertised !== each.startsWith('!')) continue;
    return { class: 'gate', reason: advertised ? `${key} is advertised` : `${key} is not advertised` };
  }
  if (needs && !iut[needs]) return { class: 'guest', reason: LACKING[needs] };
  if (reflector && !reflectors.has(reflector)) {
    return { class: 'guest', reason: `the guest gives no answer to ${reflector}, and commands can't be run in it` };
  }
  if (observer && !iut.harness.capabilities.has('observer')) {
    return { class: 'adapter', reason: 'needs an observer of grants' };
  }
  return undefined;
}
