/** What the two ends of a connection may negotiate, and one choice of it. */
import fc from 'fast-check';
import { KEY } from '../../protocol/netif.js';
import { parseDecimal } from '../../protocol/xenbus.js';

type Keys = Readonly<Record<string, string | undefined>>;

/** The most queues of one vif: each costs the peer pages, and some drivers a thread. */
export const MOST_QUEUES = 3;

/** What is negotiated, with all the values that are tried. */
export const OPTIONS = {
  queues: [1, 2, MOST_QUEUES],
  split: [true, false],
  control: [true, false],
  sg: [true, false],
  gso4: [true, false],
  gso6: [true, false],
  csum: [true, false],
  csum6: [true, false],
  multicast: [true, false],
  staging: [true, false],
} as const;

/** One value of each option. Features are those that the peer can receive. */
export type Choice = { readonly [Name in keyof typeof OPTIONS]: (typeof OPTIONS)[Name][number] };

/** Any choice; the simplest one, to which a failure is reduced, has one queue and no feature but scatter-gather. */
export const anyChoice: fc.Arbitrary<Choice> = fc.record({
  queues: fc.constantFrom(...OPTIONS.queues),
  split: fc.constantFrom(...OPTIONS.split),
  control: fc.boolean(),
  sg: fc.constantFrom(...OPTIONS.sg),
  gso4: fc.boolean(),
  gso6: fc.boolean(),
  csum: fc.constantFrom(...OPTIONS.csum),
  csum6: fc.boolean(),
  multicast: fc.boolean(),
  staging: fc.boolean(),
});

/** What a driver advertises. */
export interface Offer {
  readonly queues: number;
  readonly split: boolean;
  readonly control: boolean;
  readonly sg: boolean;
  readonly gso4: boolean;
  readonly gso6: boolean;
  readonly csum: boolean;
  readonly csum6: boolean;
  readonly multicast: boolean;
  readonly staging: boolean;
}

/** The offer in the keys of a driver. */
export function offerOf(keys: Readonly<Record<string, string>>): Offer {
  const has = (key: string): boolean => (keys[key] ?? '0') !== '0';
  const queues = parseDecimal(keys[KEY.multiQueueMaxQueues] ?? '1', { min: 1, max: 0xffff });
  return {
    queues: Math.min(queues.ok ? queues.value : 1, MOST_QUEUES),
    split: has(KEY.featureSplitEventChannels),
    control: has(KEY.featureCtrlRing),
    sg: has(KEY.featureSg),
    gso4: has(KEY.featureGsoTcpv4),
    gso6: has(KEY.featureGsoTcpv6),
    csum: !has(KEY.featureNoCsumOffload),
    csum6: has(KEY.featureIpv6CsumOffload),
    multicast: has(KEY.featureMulticastControl),
    staging: has(KEY.featureStagingGrants),
  };
}

/** The keys of what either end can receive. GSO needs scatter-gather, and large IPv6 packets have blank checksums. */
export function receiverKeys({ sg, gso4, gso6, csum, csum6 }: Choice): Keys {
  const key = (value: boolean): string | undefined => (value ? '1' : undefined);
  return {
    [KEY.featureSg]: key(sg),
    [KEY.featureGsoTcpv4]: key(gso4 && sg && csum),
    [KEY.featureGsoTcpv6]: key(gso6 && sg && csum6),
    [KEY.featureNoCsumOffload]: key(!csum),
    [KEY.featureIpv6CsumOffload]: key(csum6),
  };
}
