/** What a backend does right on the first queue and in the first connection, it also does on the last and in a second. */
import type { FrontendOptions, FrontendPeer } from '../../harness/peer/frontend.js';
import { KEY } from '../../harness/protocol/netif.js';
import type { BackendTest } from '../../harness/run/suite.js';
import { again as inSituation, type Situation } from '../support/again.js';
import { buffers } from './buffers.js';
import { checksum } from './checksum.js';
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
import { queuesOffered, reconnect } from './verbs.js';

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

/** Keys of the first connection; the second one has those of the test alone. */
const FIRST = {
  [KEY.featureGsoTcpv4]: '1',
  [KEY.featureGsoTcpv6]: '1',
  [KEY.featureIpv6CsumOffload]: '1',
};
/** Keys of the first connection that ask for something, and what offers it. */
const REQUESTS = [
  [KEY.featureXdpHeadroom, KEY.xdpHeadroom, '256'],
  [KEY.featureMulticastControl, KEY.requestMulticastControl, '1'],
] as const;
const NONE = Object.fromEntries(
  [...Object.keys(FIRST), ...REQUESTS.map(([, key]) => key)].map((key) => [key, undefined]),
);

/** The options of the first connection of a vif that the test connects with `options`. */
async function firstOptions(t: BackendTest, options: FrontendOptions): Promise<FrontendOptions> {
  const offers = await (await t.connect()).otherKeys();
  const requests = REQUESTS.filter(([offer]) => offers[offer] === '1').map(([, key, value]) => [key, value] as const);
  return { ...options, keys: { ...FIRST, ...Object.fromEntries(requests) } };
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
      await t.configure(vif);
      return vif;
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
];
