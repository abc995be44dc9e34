/** Defects by which one vif takes all others of its domain with it. */
import { KEY } from '../../protocol/netif.js';
import { decodeRxResponse } from '../../protocol/rx.js';
import { decodeTxResponse } from '../../protocol/tx.js';
import { parseDecimal } from '../../protocol/xenbus.js';
import { PAGE_SIZE } from '../../xen/domain.js';
import { BACKEND_STEPS as backend, type BackendSteps } from '../backend-steps.js';
import type { BackendVif } from '../backend.js';
import { FRONTEND_STEPS as frontend, type FrontendSteps } from '../frontend-steps.js';
import type { FrontendVif } from '../frontend.js';
import { readOther } from '../bus.js';
import { Counts } from './counts.js';
import type { Defect } from './defect.js';
import { mortality } from './mortal.js';

type Die = () => void;

/** A backend that dies of something, as `steps` say. */
const mortalBackend = (
  name: string,
  fault: string,
  stepsOf: (die: Die) => Partial<BackendSteps>,
  seen?: string,
): Defect => {
  const { die, serves } = mortality();
  const steps = stepsOf(die);
  return {
    id: `backend.robustness.${name}`,
    breaks: 'ROB-01',
    fault,
    ...(seen === undefined ? {} : { seen }),
    backend: {
      ...steps,
      serve(vif, queue) {
        if (serves(vif)) (steps.serve ?? backend.serve)(vif, queue);
      },
    },
  };
};

const mortalFrontend = (
  name: string,
  fault: string,
  stepsOf: (die: Die) => Partial<FrontendSteps>,
  seen?: string,
): Defect => {
  const { die, serves } = mortality();
  const steps = stepsOf(die);
  return {
    id: `frontend.robustness.${name}`,
    breaks: 'ROB-02',
    fault,
    ...(seen === undefined ? {} : { seen }),
    frontend: {
      ...steps,
      serve(vif, queue) {
        if (serves(vif)) (steps.serve ?? frontend.serve)(vif, queue);
      },
    },
  };
};

/** Events of a vif that bring nothing after which a driver has had enough. */
const PATIENCE = 12;

/** Counts the events of each vif that bring nothing. */
function countEmpty(): (vif: object, empty: boolean) => number {
  const counts = new Counts();
  return (vif, empty) => {
    if (empty) return counts.next(vif);
    counts.clear(vif);
    return 0;
  };
}

const backendStorm = countEmpty();
const frontendStorm = countEmpty();

/** Whether the other end's state has gone, or is none, while this end is connected. */
async function isLost(vif: BackendVif | FrontendVif, other: string): Promise<'gone' | 'unknown' | undefined> {
  const own = await readOther(vif.domain.store, `${vif.path}/state`);
  const state = await readOther(vif.domain.store, `${other}/state`);
  if (own !== '4') return undefined;
  return state === undefined ? 'gone' : /^[1-8]$/.test(state) ? undefined : 'unknown';
}

export const ROBUSTNESS_DEFECTS: readonly Defect[] = [
  mortalBackend(
    'storm',
    'serves nobody after a number of events that bring nothing',
    (die) => ({
      serve(vif, queue) {
        const tx = queue.tx.unconsumed();
        const empty = tx.ok && tx.value === 0;
        if (backendStorm(vif, empty) > PATIENCE) die();
        backend.serve(vif, queue);
      },
    }),
    'Linux xen-netback before XSA-332 (CVE-2020-27673)',
  ),
  mortalBackend(
    'malformed',
    'serves nobody after a malformed packet',
    (die) => ({
      serveChain(vif, queue, chain) {
        if (chain.fault !== undefined) die();
        backend.serveChain(vif, queue, chain);
      },
    }),
    'Linux xen-netback before XSA-90 (CVE-2014-2580): one fatal packet took dom0 down',
  ),
  mortalBackend(
    'indices',
    'serves nobody after an index that makes no sense',
    (die) => ({
      serveTx(vif, queue) {
        if (!queue.tx.unconsumed().ok) die();
        backend.serveTx(vif, queue);
      },
    }),
    'Linux xen-netback before XSA-39 (CVE-2013-0216): the worker loops on a ring',
  ),
  mortalBackend('endless', 'serves nobody while a packet fills the ring and does not end', (die) => ({
    serveTx(vif, queue) {
      backend.serveTx(vif, queue);
      const left = queue.tx.unconsumed();
      if (left.ok && left.value === queue.tx.layout.size) die();
    },
  })),
  mortalBackend(
    'bad-copy',
    'serves nobody after a grant that it can not copy from',
    (die) => ({
      fetch(vif, queue, chain) {
        const frame = backend.fetch(vif, queue, chain);
        if (!frame) die();
        return frame;
      },
    }),
    'Linux xen-netback before XSA-362 (CVE-2021-26931): BUG on a grant that can not be mapped',
  ),
  mortalBackend('lost-frontend', 'serves nobody when the state of a connected frontend is gone or unknown', (die) => ({
    async frontendChanged(vif) {
      if (await isLost(vif, vif.frontendPath)) die();
      await backend.frontendChanged(vif);
    },
  })),
  mortalBackend(
    'odd-state',
    'serves nobody after a state that it has no case for',
    (die) => ({
      async frontendChanged(vif) {
        const state = await readOther(vif.domain.store, `${vif.frontendPath}/state`);
        if (state !== undefined && !/^[1-6]$/.test(state)) die();
        await backend.frontendChanged(vif);
      },
    }),
    'FreeBSD xnb: Unknown and Reconfiguring are fatal',
  ),
  mortalBackend(
    'bad-value',
    'serves nobody after a value that it can not read',
    (die) => ({
      async connect(vif) {
        for (const key of [KEY.requestRxCopy, KEY.featureRxNotify, KEY.txRingRef, KEY.eventChannel]) {
          const value = await vif.frontendKey(key);
          if (value !== undefined && !parseDecimal(value, { min: 0, max: 0xffffffff }).ok) die();
        }
        const queues = await vif.frontendKey(KEY.multiQueueNumQueues);
        if (queues !== undefined && !parseDecimal(queues, { min: 1, max: 4 }).ok) die();
        await backend.connect(vif);
      },
    }),
    'Linux xen-netback before 6d1dc8014334: a number of queues of 0',
  ),
  mortalFrontend(
    'storm',
    'serves nobody after a number of events that bring nothing',
    (die) => ({
      serve(vif, queue) {
        const [tx, rx] = [queue.tx.unconsumed(), queue.rx.unconsumed()];
        const empty = tx.ok && rx.ok && tx.value + rx.value === 0;
        if (frontendStorm(vif, empty) > PATIENCE) die();
        frontend.serve(vif, queue);
      },
    }),
    'Linux xen-netfront before XSA-391 (CVE-2021-28712): a storm of events keeps a processor busy',
  ),
  mortalFrontend(
    'unknown-id',
    'serves nobody after a response to what it never sent',
    (die) => ({
      serveTx(vif, queue) {
        const { rspCons } = queue.tx;
        const ready = queue.tx.unconsumed();
        for (let n = 0; ready.ok && n < ready.value; n++) {
          const response = decodeTxResponse(queue.tx.take());
          if (response.ok && !queue.sending.has(response.value.id)) die();
        }
        queue.tx.rspCons = rspCons;
        frontend.serveTx(vif, queue);
      },
    }),
    'OpenBSD xnf, Unikraft, Nanos: assertions on what the backend answers',
  ),
  mortalFrontend('bad-length', 'serves nobody after a length that is none', (die) => ({
    serveRx(vif, queue) {
      const { rspCons } = queue.rx;
      const ready = queue.rx.unconsumed();
      for (let n = 0; ready.ok && n < ready.value; n++) {
        const response = decodeRxResponse(queue.rx.take());
        if (response.ok && response.value.offset + response.value.status > PAGE_SIZE) die();
      }
      queue.rx.rspCons = rspCons;
      frontend.serveRx(vif, queue);
    },
  })),
  mortalFrontend('endless', 'serves nobody after a packet that does not end in what has come', (die) => ({
    serveRx(vif, queue) {
      frontend.serveRx(vif, queue);
      if (queue.expect !== 'first') die();
    },
  })),
  mortalFrontend('lost-backend', 'serves nobody when the state of a connected backend is gone or unknown', (die) => ({
    async backendChanged(vif) {
      if (await isLost(vif, vif.backendPath)) die();
      await frontend.backendChanged(vif);
    },
  })),
  mortalFrontend(
    'odd-state',
    'serves nobody after a state that it has no case for',
    (die) => ({
      async backendChanged(vif) {
        const state = await readOther(vif.domain.store, `${vif.backendPath}/state`);
        if (state !== undefined && !/^[1-6]$/.test(state)) die();
        await frontend.backendChanged(vif);
      },
    }),
    'NetBSD xennet: panics on a state that it does not expect',
  ),
  mortalFrontend('bad-value', 'serves nobody after a value that it can not read', (die) => ({
    async connect(vif) {
      for (const key of [KEY.multiQueueMaxQueues, KEY.featureRxCopy, KEY.featureSg, KEY.featureSplitEventChannels]) {
        const value = await readOther(vif.domain.store, `${vif.backendPath}/${key}`);
        if (value !== undefined && !parseDecimal(value, { min: 0, max: 0xffff }).ok) die();
      }
      await frontend.connect(vif);
    },
  })),
];
