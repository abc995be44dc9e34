/** Decides which tests are not run on a target, and why. */
import type { Catalogue } from './catalogue.js';
import type { Iut } from './iut.js';
import type { TestRecord } from './record.js';
import type { Reflectors } from './reflectors.js';
import type { Ability, Tests } from './suite.js';

export type Skip = NonNullable<TestRecord['skip']>;

/** The properties of a run on which tests depend. */
export interface Offer {
  readonly catalogue: Catalogue;
  readonly iut: Iut;
  /** Whether the target allows tests that may take the guest down. */
  readonly destructive: boolean;
  /** Whether the run may take long. */
  readonly slow: boolean;
  /** The version of the header that the vendor claims. */
  readonly spec: string;
  /** The keys that the driver advertises. */
  readonly features: Readonly<Record<string, string>>;
  /** The requests to which the guest's stack replies, or is known to reply. */
  readonly reflectors: Reflectors;
}

/** Why a test is not run if the driver's environment lacks an ability. */
const LACKING: Readonly<Record<Ability, string>> = {
  bridge: 'no bridge can be created: this needs commands in the guest whose OS has them, or a driver with a bridge',
  carrier:
    'the carrier cannot be read: this needs commands in the guest whose OS has them, or a driver that reports it',
  rebind:
    'the driver cannot be unbound from its device: this needs commands in the guest whose OS has them, or a driver that supports it',
  restore:
    'the guest cannot be saved and restored: this needs "config" in the target file and an x86 host, or a driver that supports it',
  checkpoint:
    'the guest cannot be saved while it runs: this needs "config" in the target file and an x86 host, or a driver that supports it',
};

/** The first reason why `test` is not run; undefined if it is. */
export function skipReason(
  test: Tests[number],
  { catalogue, iut, destructive, slow, spec, features, reflectors }: Offer,
): Skip | undefined {
  const { reflector, needs, observer, flicker, gate } = test.options;
  if (test.options.destructive && !destructive) {
    return { class: 'not-allowed', reason: 'destructive test; "destructive: true" in the target file allows it' };
  }
  if (test.options.long && !slow && !iut.harness.capabilities.has('virtual-time')) {
    return { class: 'not-allowed', reason: 'the test waits for minutes; "--slow" allows it' };
  }
  const named = catalogue.checkedBy(test);
  if (named.length > 0 && !named.some((id) => catalogue.standsIn(spec, id))) {
    return { class: 'spec', reason: `newer than the claimed version of the header: ${spec}` };
  }
  for (const each of [gate ?? []].flat()) {
    const key = each.replace(/^!/, '');
    const advertised = (features[key] ?? '0') !== '0';
    if (advertised !== each.startsWith('!')) continue;
    return { class: 'gate', reason: advertised ? `${key} is advertised` : `${key} is not advertised` };
  }
  if (needs && !iut[needs]) return { class: 'guest', reason: LACKING[needs] };
  if (reflector && !reflectors.has(reflector)) {
    return {
      class: 'guest',
      reason: `the guest does not reply to ${reflector} (${reflectors.asked(reflector)})`,
    };
  }
  if (observer && !iut.harness.capabilities.has('observer')) {
    return { class: 'adapter', reason: 'needs to observe uses of grants, which this host does not support' };
  }
  if (flicker && !iut.harness.capabilities.has('flicker')) {
    return {
      class: 'adapter',
      reason: 'needs words that change while the driver reads them, which this host does not support',
    };
  }
  return undefined;
}
