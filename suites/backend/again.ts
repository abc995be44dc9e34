/** What a backend does right on the first queue and in the first connection, it also does on the last and in a second. */
import type { FrontendOptions, FrontendPeer } from '../../harness/peer/frontend.js';
import { KEY } from '../../harness/protocol/netif.js';
import type { BackendTest } from '../../harness/run/suite.js';
import { again as inSituation, type Situation } from '../support/again.js';
import { MANY_QUEUES, noOthersThan } from '../support/stale-queues.js';
import { buffers } from './buffers.js';
import { checksum } from './checksum.js';
import { gref } from './gref.js';
import { gso } from './gso.js';
import { hash } from './hash.js';
import { layouts } from './layouts.js';
import { multicast } from './multicast.js';
import { notifications } from './notifications.js';
import { queues } from './queues.js';
import { receive } from './receive.js';
import { rings } from './rings.js';
import { staging } from './staging.js';
import { transmit } from './transmit.js';
import { firstOptions, NONE, rich, undoAll, useAll } from './rich-verbs.js';
import { connectsAgain, queuesOffered, reconnect, returnsToInitWait } from './connection-verbs.js';

/** The vif with its last queue in use. */
function onLastQueue(vif: FrontendPeer): FrontendPeer {
  vif.main = -1;
  return vif;
}

const LAST_QUEUE: Situation<'backend'> = {
  name: 'last-queue',
  title: 'on the last of two queues',
  connections: (t) => {
    const twoQueues = async (options: FrontendOptions): Promise<FrontendOptions> => {
      if ((await queuesOffered(t)) < 2) t.skip('the backend offers only one queue');
      return { ...options, queues: 2 };
    };
    const fresh: BackendTest['fresh'] = async (options = {}) => onLastQueue(await t.fresh(await twoQueues(options)));
    return {
      fresh,
      // The backend chooses the queue on which it delivers, so the end where packets come out has one queue.
      bridged: async (from = {}, to) => {
        const [first, second] = await t.bridged(await twoQueues(from), to);
        return [onLastQueue(first), second];
      },
    };
  },
};

/** Passes the first packets of a vif that is connected again: a driver that they bring down does not connect again. */
async function worksAgain(t: BackendTest, vif: FrontendPeer): Promise<FrontendPeer> {
  await t.during(['XB-14'], () => t.configure(vif));
  return vif;
}

const RECONNECTED: Situation<'backend'> = {
  name: 'reconnected',
  title: 'in the second connection of a vif',
  connections: (t) => {
    const again = (vif: FrontendPeer, options: FrontendOptions): Promise<void> =>
      reconnect(t, vif, { ...options, keys: { ...NONE, ...options.keys } });
    const fresh: BackendTest['fresh'] = async (options = {}) => {
      const vif = await t.fresh(await firstOptions(t, options));
      await again(vif, options);
      return worksAgain(t, vif);
    };
    return {
      fresh,
      bridged: async (from = {}, to = {}) => {
        const peers = await t.bridged(await firstOptions(t, from), await firstOptions(t, to));
        await again(peers[0], from);
        await again(peers[1], to);
        await t.bridge(peers);
        return peers;
      },
    };
  },
};

const POOLS = ['', ...Array.from({ length: MANY_QUEUES }, (_, n) => `queue-${n}/`)].flatMap((at) =>
  [KEY.txPoolRef, KEY.txPoolSize, KEY.rxPoolRef, KEY.rxPoolSize].map((key) => at + key),
);
const CONTROL: readonly string[] = [KEY.ctrlRingRef, KEY.eventChannelCtrl];

/** The options of a test's connection, which remove every other key of {@link rich}. */
function over({ keys, control = false, queues = 1, pools, ...options }: FrontendOptions): FrontendOptions {
  const left = [
    ...(control ? [] : CONTROL),
    ...(queues > 1 ? [] : [KEY.multiQueueNumQueues]),
    ...(pools ? [] : POOLS),
    KEY.featureNoCsumOffload,
  ];
  const removed = {
    ...NONE,
    ...Object.fromEntries(left.map((key) => [key, undefined])),
    ...noOthersThan(queues),
  };
  return { ...options, control, queues, ...(pools && { pools }), keys: { ...removed, ...keys } };
}

/** Nothing of an earlier connection that used everything holds in the next. */
const POORER: Situation<'backend'> = {
  name: 'poorer',
  title: 'in the second connection of a vif whose first one used everything',
  connections: (t) => {
    const used = async (vif: FrontendPeer, first: FrontendOptions, options: FrontendOptions): Promise<void> => {
      await useAll(vif, first);
      await reconnect(t, vif, over(options));
    };
    const fresh: BackendTest['fresh'] = async (options = {}) => {
      const first = await rich(t);
      const vif = await t.fresh(first);
      await used(vif, first, options);
      return worksAgain(t, vif);
    };
    return {
      fresh,
      bridged: async (from = {}, to = {}) => {
        const first = await rich(t);
        const peers = await t.bridged(first, first);
        await used(peers[0], first, from);
        await used(peers[1], first, to);
        await t.bridge(peers);
        return peers;
      },
    };
  },
};

/** A vif of which the first connection uses nothing can use everything in its second one. */
const RICHER: Situation<'backend'> = {
  name: 'richer',
  title: 'in the second connection of a vif whose first one used nothing',
  connections: (t) => {
    const plug = async (): Promise<FrontendPeer> => {
      const vif = await t.plug();
      await vif.connect({ split: false });
      await returnsToInitWait(t, vif);
      return vif;
    };
    const richer = ({ keys, ...options }: FrontendOptions): FrontendOptions => ({
      ...options,
      keys: { ...noOthersThan(options.queues ?? 1), ...keys },
    });
    return {
      plug,
      fresh: async (options = {}) => {
        const vif = await plug();
        await connectsAgain(t, vif, richer(options));
        return worksAgain(t, vif);
      },
      bridged: async (from = {}, to = {}) => {
        const peers: [FrontendPeer, FrontendPeer] = [await plug(), await plug()];
        await connectsAgain(t, peers[0], richer(from));
        await connectsAgain(t, peers[1], richer(to));
        await t.bridge(peers);
        return peers;
      },
    };
  },
};

/** Nothing of a vif that was removed holds for one that is plugged under the same number. */
const REPLUGGED: Situation<'backend'> = {
  name: 'replugged',
  title: 'on a vif with the number of a removed one that used everything',
  connections: (t) => {
    const replug = async (): Promise<FrontendPeer> => {
      const first = await rich(t);
      const earlier = await t.fresh(first);
      await useAll(earlier, first);
      // A toolstack that is forced to remove a vif waits for no state.
      earlier.monitor.lookAway();
      await t.domain.store.remove(earlier.otherPath);
      // By the time that another vif has connected, the backend has seen the removal.
      await t.fresh();
      await t.unplug(earlier);
      return t.plug({ handle: earlier.handle });
    };
    return {
      fresh: async (options = {}) => {
        const vif = await replug();
        await vif.connect(options);
        await t.configure(vif);
        return vif;
      },
      bridged: async (from = {}, to = {}) => {
        const vif = await replug();
        await vif.connect(to);
        const other = await t.plug();
        await other.connect(from);
        await t.bridge([other, vif]);
        return [other, vif];
      },
    };
  },
};

/** Nothing is left of what a frontend has set and undone in the same connection. */
const USED_BEFORE: Situation<'backend'> = {
  name: 'used-before',
  title: 'in a connection in which other settings were made and undone',
  connections: (t) => ({
    fresh: async (options = {}) => {
      const vif = await t.fresh(options);
      await useAll(vif, options);
      await undoAll(vif, options);
      return vif;
    },
    bridged: async (from = {}, to = {}) => {
      const peers = await t.bridged(from, to);
      for (const [n, options] of [from, to].entries()) {
        const vif = peers[n] as FrontendPeer;
        await useAll(vif, options);
        await undoAll(vif, options);
      }
      return peers;
    },
  }),
};

/** What the frontend of one vif uses means nothing on another, whichever connected last. */
const AMONG_RICHER: Situation<'backend'> = {
  name: 'among-richer',
  title: 'between vifs whose frontends use everything',
  connections: (t) => {
    const other = async (): Promise<void> => {
      const options = await rich(t);
      await useAll(await t.fresh(options), options);
    };
    return {
      fresh: async (...options) => {
        await other();
        const vif = await t.fresh(...options);
        await other();
        return vif;
      },
      bridged: async (...options) => {
        await other();
        const peers = await t.bridged(...options);
        await other();
        return peers;
      },
    };
  },
};

/** What the frontend of one vif has set stays when another vif goes. */
const OTHER_UNPLUGGED: Situation<'backend'> = {
  name: 'other-unplugged',
  title: 'after a vif whose frontend used everything is unplugged',
  connections: (t) => {
    let other: Promise<FrontendPeer> | undefined;
    const rival = async (): Promise<FrontendPeer> => {
      const options = await rich(t);
      const vif = await t.fresh(options);
      await useAll(vif, options);
      return vif;
    };
    let isUnplugged = false;
    return {
      fresh: async (...options) => {
        await (other ??= rival());
        return t.fresh(...options);
      },
      plug: async (...options) => {
        await (other ??= rival());
        return t.plug(...options);
      },
      bridged: async (...options) => {
        await (other ??= rival());
        return t.bridged(...options);
      },
      // A test makes its settings before it checks what they do.
      check: async (...check) => {
        if (other && !isUnplugged) {
          isUnplugged = true;
          await t.unplug(await other);
        }
        return t.check(...check);
      },
    };
  },
};

const PLAIN_TESTS = [
  'receive.no-extras',
  'gso.cut',
  'gso.cut-v6',
  'multicast.flood',
  'transmit.slots-18',
  'receive.writes-no-more',
];

const BOTH = [
  'rings.wrap-around',
  'rings.full-ring',
  'notifications.crossing-17',
  'notifications.rx-event',
  'transmit.slots-18',
  'transmit.offset-1',
  'transmit.response-per-fragment',
  'transmit.bad-ref-in-fragment-3',
  'layouts.across-the-end',
  'receive.any-id',
  'receive.writes-no-more',
  'receive.no-buffers',
  'checksum.reply',
  'gso.passed-on',
];

const ALL = [
  ...rings,
  ...notifications,
  ...transmit,
  ...layouts,
  ...receive,
  ...buffers,
  ...queues,
  ...checksum,
  ...gso,
  ...multicast,
  ...hash,
  ...gref,
  ...staging,
];

export const again = [
  ...inSituation(LAST_QUEUE, ALL, [
    ...BOTH,
    'buffers.starved-again',
    'gso.slots',
    'multicast.filter',
    'queues.split-channels',
    'queues.single-channel',
  ]),
  ...inSituation(RECONNECTED, ALL, [
    ...BOTH,
    'receive.no-extras',
    'gso.without-sg',
    'checksum.udp-blank-v6',
    'gso.cut',
    'gso.cut-v6',
    'multicast.flood',
    'multicast.on-request',
    'multicast.on-withdrawal',
    'hash.short-key',
    'hash.table',
    'staging.traffic',
  ]),
  ...inSituation(POORER, ALL, [...PLAIN_TESTS, 'checksum.reply', 'hash.modulo', 'hash.fresh-table']),
  ...inSituation(RICHER, ALL, ['gref.maps', 'hash.extra', 'multicast.filter', 'queues.split-channels']),
  ...inSituation(REPLUGGED, ALL, ['hash.off-at-first', 'multicast.filter']),
  ...inSituation(USED_BEFORE, ALL, ['hash.key', 'hash.fresh-table', 'multicast.filter']),
  ...inSituation(AMONG_RICHER, ALL, [
    ...PLAIN_TESTS,
    'multicast.filter',
    'hash.off-at-first',
    'hash.extra',
    'hash.modulo',
  ]),
  ...inSituation(OTHER_UNPLUGGED, ALL, ['hash.key', 'hash.table', 'gref.maps', 'multicast.delete']),
];
