/** What a frontend does right on its first queue in its first connection, it also does on its last and in its second. */
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import { KEY, RXF } from '../../harness/protocol/netif.js';
import { distance, TX_RING } from '../../harness/protocol/ring.js';
import type { FrontendTest } from '../../harness/run/suite.js';
import { again as inSituation, type Situation } from '../support/again.js';
import { checksum } from './checksum.js';
import { completed } from './completed.js';
import { control } from './control.js';
import { gso } from './gso.js';
import { layouts } from './layouts.js';
import { multicast } from './multicast.js';
import { notifications } from './notifications.js';
import { receive } from './receive.js';
import { responses } from './responses.js';
import { rings } from './rings.js';
import { staging } from './staging.js';
import { transmit } from './transmit.js';
import { connectAgain, followsBack, happens, LATE_MS, publishesAgain } from './verbs.js';
import { wakeups } from './wakeups.js';

const THREE_QUEUES = { [KEY.multiQueueMaxQueues]: '3' };

/** The vif with its last queue in use; skips the test if it has only one. */
function onLastQueue(t: FrontendTest, vif: BackendPeer): BackendPeer {
  if (vif.queues.length < 2) t.skip('the frontend uses a single queue');
  vif.main = -1;
  return vif;
}

const LAST_QUEUE: Situation<'frontend'> = {
  name: 'last-queue',
  title: 'on the last of several queues',
  connections: (t) => {
    const fresh: FrontendTest['fresh'] = async (keys = BACKEND_KEYS, own) =>
      onLastQueue(t, await t.fresh({ ...keys, ...THREE_QUEUES }, own));
    return {
      fresh,
      // The guest chooses the queue on which it sends, so the end where packets come out has one queue.
      bridged: async (from = BACKEND_KEYS, to) => {
        const [first, second] = await t.bridged({ ...from, ...THREE_QUEUES }, to);
        return [onLastQueue(t, first), second];
      },
    };
  },
};

/** Offers what a frontend may use in addition to its rings. */
const EXTRAS = {
  [KEY.featureCtrlRing]: '1',
  [KEY.featureMulticastControl]: '1',
  [KEY.featureStagingGrants]: '1',
};
/** Keys with which a frontend shows that it uses one of them. */
const USED = [KEY.ctrlRingRef, KEY.requestMulticastControl, KEY.txPoolRef, KEY.rxPoolRef];

/** The vif, if its frontend uses one of the optional features; skips the test for any other. */
async function equipped(t: FrontendTest, vif: BackendPeer): Promise<BackendPeer> {
  const keys = await vif.otherKeys();
  return USED.some((key) => (keys[key] ?? '0') !== '0') ? vif : t.skip('the frontend uses none of these features');
}

const EQUIPPED: Situation<'frontend'> = {
  name: 'equipped',
  title: 'with a control ring, a multicast filter and staging grants',
  connections: (t) => ({
    fresh: async (keys = BACKEND_KEYS, own) => equipped(t, await t.fresh({ ...keys, ...EXTRAS }, own)),
    bridged: async (from = BACKEND_KEYS, to = BACKEND_KEYS) => {
      const [first, second] = await t.bridged({ ...from, ...EXTRAS }, { ...to, ...EXTRAS });
      return [await equipped(t, first), second];
    },
  }),
};

/** Drivers have other code for packets of one slot, and count the room on their rings differently for them. */
const PLAIN: Situation<'frontend'> = {
  name: 'plain',
  title: 'with a backend that offers neither feature-sg nor split event channels',
  connections: (t) => {
    const plain = { [KEY.featureSg]: '0', [KEY.featureSplitEventChannels]: '0' };
    return {
      fresh: (keys = BACKEND_KEYS, own) => t.fresh({ ...keys, ...plain }, own),
      bridged: (from = BACKEND_KEYS, to = BACKEND_KEYS) => t.bridged({ ...from, ...plain }, { ...to, ...plain }),
    };
  },
};

/** The second connection of a vif, which `again` makes. */
const secondBy =
  (again: (t: FrontendTest, vif: BackendPeer) => Promise<void>): Situation<'frontend'>['connections'] =>
  (t) => {
    const fresh: FrontendTest['fresh'] = async (...keys) => {
      const vif = await t.fresh(...keys);
      await again(t, vif);
      return vif;
    };
    return { fresh };
  };

/** Where each buffer and each response asks for an event of its own, they hide that another event is missing. */
const FEW_EVENTS: Situation<'frontend'> = {
  name: 'few-events',
  title: 'on one event channel, to a backend that requests an event for rx buffers only when it has none',
  connections: (t) => {
    const oneChannel = { [KEY.featureSplitEventChannels]: '0' };
    const sparing = (vif: BackendPeer): BackendPeer => {
      for (const { rx } of vif.queues) rx.enough = 1;
      return vif;
    };
    return {
      fresh: async (keys = BACKEND_KEYS, own) => sparing(await t.fresh({ ...keys, ...oneChannel }, own)),
      bridged: async (from = BACKEND_KEYS, to = BACKEND_KEYS) => {
        const [first, second] = await t.bridged({ ...from, ...oneChannel }, { ...to, ...oneChannel });
        return [sparing(first), sparing(second)];
      },
    };
  },
};

const RECONNECTED: Situation<'frontend'> = {
  name: 'reconnected',
  title: 'in the second connection of a vif',
  connections: (t) => {
    const { fresh } = secondBy(followsBack)(t);
    return {
      fresh,
      plug: async (keys, own) => {
        const vif = await t.fresh(keys, own);
        await publishesAgain(t, vif);
        return vif;
      },
      bridged: async (from, to) => {
        const vifs: [BackendPeer, BackendPeer] = [await fresh(from), await fresh(to)];
        await t.bridge(vifs);
        return vifs;
      },
    };
  },
};

const REBOUND: Situation<'frontend'> = {
  name: 'rebound',
  title: 'after its driver was bound to the vif once more',
  options: { needs: 'rebind' },
  connections: secondBy(connectAgain),
};

/** Offers all that a frontend may use when it sends. */
const RICH = {
  ...BACKEND_KEYS,
  [KEY.featureGsoTcpv4]: '1',
  [KEY.featureGsoTcpv6]: '1',
  [KEY.featureIpv6CsumOffload]: '1',
};
/** What the backend of one vif offers means nothing on another, whichever connected last. */
const AMONG_RICHER: Situation<'frontend'> = {
  name: 'among-richer',
  title: 'between vifs whose backends offer more',
  connections: (t) => ({
    fresh: async (...keys) => {
      await t.fresh(RICH);
      const vif = await t.fresh(...keys);
      await t.fresh(RICH);
      return vif;
    },
    bridged: async (...keys) => {
      await t.fresh(RICH);
      const vifs = await t.bridged(...keys);
      await t.fresh(RICH);
      return vifs;
    },
  }),
};

/** What a backend offered in an earlier connection means nothing in the next. */
const POORER: Situation<'frontend'> = {
  name: 'poorer',
  title: 'in a second connection, whose backend offers less',
  options: { needs: 'bridge' },
  connections: (t) => {
    const second = async (keys: Readonly<Record<string, string>> = BACKEND_KEYS): Promise<BackendPeer> => {
      const vif = await t.fresh(RICH);
      await followsBack(t, vif, { ...withdrawn(RICH), ...keys });
      return vif;
    };
    return {
      fresh: second,
      bridged: async (from, to) => {
        const vifs: [BackendPeer, BackendPeer] = [await t.fresh(from), await second(to)];
        await t.bridge(vifs);
        return vifs;
      },
    };
  },
};

/** Bytes of the payload of a ping to which every guest that replies to pings replies. */
const MANY_BYTES = 500;
/** Frames that are published at once to use up slots. */
const AT_ONCE = 16;
/** What a driver leaves in a slot, or remembers about it, means nothing when the slot is used again. */
const WORN: Situation<'frontend'> = {
  name: 'worn',
  title: 'on rings whose slots were used in other ways',
  connections: (t) => ({
    fresh: async (...keys) => {
      const vif = await t.fresh(...keys);
      await wear(vif, vif, () => vif.pingFrame(MANY_BYTES).frame);
      return vif;
    },
    bridged: async (...keys) => {
      const [from, to] = await t.bridged(...keys);
      await wear(from, to, () => from.frameTo(to.link.peer.mac));
      return [from, to];
    },
  }),
};

/**
 * Uses each slot of an rx ring, and of the tx ring on which the guest sends for it, at other offsets, with other flags
 * and sizes.
 */
async function wear(from: BackendPeer, to: BackendPeer, frame: () => Uint8Array): Promise<void> {
  const { queue } = from;
  const usesSg = from.published[KEY.featureSg] === '1';
  const { rspProdPvt: before } = to.queue.tx.ring;
  for (let n = 0; n < TX_RING.size + AT_ONCE; n++) {
    await from.buffers(1);
    const bytes = frame();
    const fragments = usesSg && n % 3 === 0 && queue.rx.buffers.length > 1 ? [50, bytes.length - 50] : [bytes.length];
    const offset = fragments.map((_, at) => 1000 + n + at);
    queue.rx.enqueue(bytes, { fragments, offset, flags: RXF.dataValidated });
    if (n % AT_ONCE === 0 || queue.rx.buffers.length === 0) queue.pushRx();
  }
  queue.pushRx();
  // A stack may reply to a few only.
  const sent = (): number => distance(before, to.queue.tx.ring.rspProdPvt);
  await happens(to, 'reply to every ping', () => sent() >= TX_RING.size + AT_ONCE, LATE_MS);
  to.received.length = 0;
}

const withdrawn = (keys: Readonly<Record<string, string>>): Record<string, undefined> =>
  Object.fromEntries(Object.keys(keys).map((key) => [key, undefined]));

const SENT = [
  'gso.cut',
  'gso.cut-v6',
  'checksum.opted-out-forwarded',
  'checksum.opted-out-udp',
  'checksum.udp-blank-v6',
];

const LAID_OUT = [
  'layouts.first-of-14',
  'layouts.headers',
  'receive.slots-2',
  'receive.slots-17',
  'receive.offsets',
  'transmit.payload-of-1472',
  'completed.offsets',
  'completed.cuts-v4',
];

const BOTH = [
  'rings.unique-ids',
  'rings.any-order',
  'rings.wrap-around',
  'responses.later-half',
  'transmit.payload-of-1472',
  'transmit.keeps-buffers',
  'transmit.response-error',
  'receive.offset-64',
  'receive.slots-3',
  'receive.offsets',
  'receive.across-the-end',
  'receive.recycles',
  'receive.after-error-in-0',
  'receive.after-error-in-1',
  'checksum.blank',
  'checksum.reply',
];

/** Tests of what a frontend sets up for one connection. */
const SET_UP = [
  'control.any-order',
  'control.hashed',
  'control.gref-list',
  'multicast.request',
  'staging.tables',
  'staging.own-pools',
  'gso.passed-on',
];

/** Tests whose events concern what the peer sends: on which queue the guest replies is its own choice. */
const EVENTS = [
  'notifications.asks-for-event',
  'wakeups.final-check-rx',
  'wakeups.event-index-tx',
  'wakeups.event-index-rx',
];

/** Tests in which one ring alone has new messages at times. */
const ALONE = [
  'notifications.one-by-one',
  'wakeups.final-check-tx',
  'wakeups.event-index-tx',
  'rings.any-order',
  'responses.later-half',
  'transmit.keeps-buffers',
  'receive.recycles',
  'receive.offsets',
];

/** Tests of full rings, with packets of one slot. */
const FILLED = [
  'rings.outstanding',
  'rings.wrap-around',
  'responses.full',
  'responses.full-of-long',
  'responses.all-but-one',
  'responses.later-half',
  'transmit.keeps-buffers',
  'receive.recycles',
];

const FULL = [
  'gso.full-ring',
  'gso.slots',
  'gso.extras-cost-no-buffer',
  'completed.offsets',
  'responses.one-missing',
  'responses.all-but-one',
];

const ALL = [
  ...notifications,
  ...wakeups,
  ...completed,
  ...rings,
  ...responses,
  ...transmit,
  ...receive,
  ...layouts,
  ...checksum,
  ...gso,
  ...staging,
  ...control,
  ...multicast,
];

export const again = [
  ...inSituation(LAST_QUEUE, ALL, [...BOTH, ...EVENTS, 'checksum.places', 'gso.slots', 'gso.extras-cost-no-buffer']),
  ...inSituation(EQUIPPED, ALL, [...BOTH, ...FULL]),
  ...inSituation(PLAIN, ALL, FILLED),
  ...inSituation(FEW_EVENTS, ALL, ALONE),
  ...inSituation(RECONNECTED, ALL, [...BOTH, ...SET_UP]),
  ...inSituation(POORER, ALL, SENT),
  ...inSituation(AMONG_RICHER, ALL, SENT),
  ...inSituation(WORN, ALL, LAID_OUT),
  ...inSituation(REBOUND, ALL, ['rings.wrap-around', 'transmit.response-error', 'receive.offsets', 'checksum.blank']),
];
