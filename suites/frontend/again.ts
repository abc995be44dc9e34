/** What a frontend does right on its first queue in its first connection, it also does on its last and in its second. */
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import { KEY } from '../../harness/protocol/netif.js';
import type { FrontendTest } from '../../harness/run/suite.js';
import { again as inSituation, type Situation } from '../support/again.js';
import { checksum } from './checksum.js';
import { gso } from './gso.js';
import { layouts } from './layouts.js';
import { receive } from './receive.js';
import { responses } from './responses.js';
import { rings } from './rings.js';
import { staging } from './staging.js';
import { transmit } from './transmit.js';
import { connectAgain, followsBack } from './verbs.js';

const TWO_QUEUES = { [KEY.multiQueueMaxQueues]: '2' };

/** The vif with its last queue in use; skips the test if it has only one. */
function onLastQueue(t: FrontendTest, vif: BackendPeer): BackendPeer {
  if (vif.queues.length < 2) t.skip('the frontend uses a single queue');
  vif.main = -1;
  return vif;
}

const LAST_QUEUE: Situation<'frontend'> = {
  name: 'last-queue',
  title: 'on the last of two queues',
  connections: (t) => {
    const fresh: FrontendTest['fresh'] = async (keys = BACKEND_KEYS, own) =>
      onLastQueue(t, await t.fresh({ ...keys, ...TWO_QUEUES }, own));
    return {
      fresh,
      // The guest chooses the queue on which it sends, so the end where packets come out has one queue.
      bridged: async (from = BACKEND_KEYS, to) => {
        const [first, second] = await t.bridged({ ...from, ...TWO_QUEUES }, to);
        return [onLastQueue(t, first), second];
      },
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

const RECONNECTED: Situation<'frontend'> = {
  name: 'reconnected',
  title: 'in the second connection of a vif',
  connections: secondBy(followsBack),
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

const withdrawn = (keys: Readonly<Record<string, string>>): Record<string, undefined> =>
  Object.fromEntries(Object.keys(keys).map((key) => [key, undefined]));

const SENT = [
  'gso.cut',
  'gso.cut-v6',
  'checksum.opted-out-forwarded',
  'checksum.opted-out-udp',
  'checksum.udp-blank-v6',
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

const ALL = [...rings, ...responses, ...transmit, ...receive, ...layouts, ...checksum, ...gso, ...staging];

export const again = [
  ...inSituation(LAST_QUEUE, ALL, [...BOTH, 'checksum.places', 'gso.slots', 'gso.extras-cost-no-buffer']),
  ...inSituation(RECONNECTED, ALL, BOTH),
  ...inSituation(POORER, ALL, SENT),
  ...inSituation(AMONG_RICHER, ALL, SENT),
  ...inSituation(REBOUND, ALL, ['rings.wrap-around', 'transmit.response-error', 'receive.offsets', 'checksum.blank']),
];
