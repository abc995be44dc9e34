/** A backend under test: two vifs, bridged in its domain, and what their frontends know of it. */
import type { FrontendOptions, FrontendPeer } from '../../peer/frontend.js';
import { KEY, queueDirectory } from '../../protocol/netif.js';
import type { BackendTest } from '../../run/suite.js';
import { type Choice, MOST_QUEUES, type Offer, receiverKeys } from './choice.js';
import { type EndIndex, withEnd } from './ends.js';

const POOL_KEYS = [KEY.txPoolRef, KEY.txPoolSize, KEY.rxPoolRef, KEY.rxPoolSize];
/** Posted buffers of each queue: enough for the largest packet, however small the pieces in which it comes. */
const RX_BUFFERS = 64;
/** Buffers in the staging pools of each queue. */
const POOLS = { tx: 8, rx: 24 };

export interface BackendWorld {
  readonly t: BackendTest;
  readonly vifs: [FrontendPeer, FrontendPeer];
  /** The number of frames so far: no two frames are equal. */
  frames: number;
}

/** Hashing of a vif, as its frontend has set it. */
export interface Hashing {
  /** Bits of HASH_FLAG. */
  readonly flags: number;
  readonly key: Uint8Array;
}

/** The settings of one vif, as its frontend has made them. */
export interface VifModel {
  /** The connection as it was made: the choice, as far as the backend offers it. */
  readonly choice: Choice;
  /** Its multicast list, by the indices of the groups: what is in it, and what may be in it. */
  readonly groups: readonly number[];
  readonly perhaps: readonly number[];
  /** Groups that were in the list of an earlier connection. */
  readonly earlier: readonly number[];
  /** Undefined as long as hashing was not turned on in this connection. */
  readonly hashing: Hashing | undefined;
  /** Whether it was turned on in an earlier connection. */
  readonly hashedEarlier: boolean;
  /** Number of grants that the backend was asked to map for each queue. */
  readonly mapped: Readonly<Record<number, number>>;
}

export interface BackendModel {
  readonly offer: Offer;
  readonly vifs: readonly [VifModel, VifModel];
}

/** The model with a change to one vif. */
export function withVif(model: BackendModel, end: EndIndex, change: Partial<VifModel>): BackendModel {
  return { ...model, vifs: withEnd(model.vifs, end, { ...model.vifs[end], ...change }) };
}

/** A new connection: nothing of the one `before` holds. */
export function connected(choice: Choice, offer: Offer, before?: VifModel): VifModel {
  const effective = {
    ...choice,
    queues: Math.min(choice.queues, offer.queues) as Choice['queues'],
    split: choice.split && offer.split,
    control: choice.control && offer.control,
    multicast: choice.multicast && offer.multicast,
    staging: choice.staging && offer.staging,
  };
  const earlier = before ? [...before.earlier, ...before.groups, ...before.perhaps] : [];
  const hashedEarlier = before !== undefined && (before.hashedEarlier || before.hashing !== undefined);
  return { choice: effective, groups: [], perhaps: [], earlier, hashing: undefined, hashedEarlier, mapped: {} };
}

/** Removes the keys of pools that an earlier connection may have left where one with pools for `queues` has none. */
function withoutPools(queues: number): Record<string, undefined> {
  const folders = ['', ...Array.from({ length: MOST_QUEUES }, (_, n) => `${queueDirectory(n)}/`)];
  const used = queues === 1 ? 1 : queues + 1;
  const unused = folders.filter((_, n) => queues === 0 || n >= used || (queues > 1 && n === 0));
  return Object.fromEntries(unused.flatMap((folder) => POOL_KEYS.map((key) => [folder + key, undefined])));
}

/** The options of a connection; keys that an earlier one may have left are removed. */
export function optionsOf({ choice }: VifModel): FrontendOptions {
  const { queues, split, control, multicast, staging } = choice;
  const noControl = { [KEY.ctrlRingRef]: undefined, [KEY.eventChannelCtrl]: undefined };
  return {
    queues,
    split,
    control,
    rxBuffers: RX_BUFFERS,
    ...(staging ? { pools: POOLS } : {}),
    keys: {
      ...receiverKeys(choice),
      [KEY.requestMulticastControl]: multicast ? '1' : undefined,
      ...(queues === 1 ? { [KEY.multiQueueNumQueues]: undefined } : {}),
      ...(control ? {} : noControl),
      ...withoutPools(staging ? queues : 0),
    },
  };
}
