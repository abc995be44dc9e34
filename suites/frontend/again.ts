/** What a frontend does right on its first queue in its first connection, it also does on its last and in its second. */
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import { KEY } from '../../harness/protocol/netif.js';
import { XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import type { FrontendTest } from '../../harness/run/suite.js';
import { Expired } from '../../harness/xen/wait.js';
import { again as inSituation, type Situation } from '../support/again.js';
import { checksum } from './checksum.js';
import { gso } from './gso.js';
import { layouts } from './layouts.js';
import { receive } from './receive.js';
import { responses } from './responses.js';
import { rings } from './rings.js';
import { staging } from './staging.js';
import { transmit } from './transmit.js';
import { closes, connectAgain, SOON_MS } from './verbs.js';

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

/** The frontend under test connects again when its backend closes and returns to InitWait; skips the test if it doesn't. */
async function followBack(t: FrontendTest, vif: BackendPeer): Promise<void> {
  if (!(await closes(vif))) t.skip('the frontend does not close with its backend');
  await vif.setState(XENBUS_STATE.initWait);
  try {
    await vif.awaitState([XENBUS_STATE.initialised, XENBUS_STATE.connected], { ms: SOON_MS });
  } catch (error) {
    // It need not, so whatever kept it from doing so is no error.
    if (error instanceof Expired) t.skip('the frontend does not connect again by itself');
    throw error;
  }
  await vif.connect();
  await t.configure(vif);
}

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
  connections: secondBy(followBack),
};

const REBOUND: Situation<'frontend'> = {
  name: 'rebound',
  title: 'after its driver was bound to the vif once more',
  options: { needs: 'rebind' },
  connections: secondBy(connectAgain),
};

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
  ...inSituation(REBOUND, ALL, ['rings.wrap-around', 'transmit.response-error', 'receive.offsets', 'checksum.blank']),
];
