/** Defects of the reference backend, chapter robustness. */
import { KEY } from '../../../protocol/netif.js';
import { parseDecimal } from '../../../protocol/xenbus.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import { readOther } from '../../bus.js';
import type { Defect } from '../defect.js';
import { countSpurious, diesOf, isLost, mortalBackend } from '../support/mortal.js';

export const BACKEND_ROBUSTNESS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.robustness.storm',
    breaks: 'ROB-01',
    fault: 'stops serving every vif at the 13th spurious event in a row',
    seen: 'Linux xen-netback before XSA-332 (CVE-2020-27673)',
    backend: mortalBackend((die) => {
      const isStorm = countSpurious();
      return {
        serve(vif, queue) {
          const tx = queue.tx.unconsumed();
          if (isStorm(vif, tx.ok && tx.value === 0)) die();
          correct.serve(vif, queue);
        },
      };
    }),
  },
  {
    id: 'backend.robustness.malformed',
    breaks: 'ROB-01',
    fault: 'stops serving every vif after a malformed packet',
    seen: 'Linux xen-netback before XSA-90 (CVE-2014-2580): one fatal packet stops dom0',
    backend: diesOf(({ fault }) => fault !== undefined),
  },
  {
    id: 'backend.robustness.indices',
    breaks: 'ROB-01',
    fault: 'stops serving every vif after a req_prod beyond the ring',
    seen: 'Linux xen-netback before XSA-39 (CVE-2013-0216): the worker loops on the ring',
    backend: mortalBackend((die) => ({
      serveTx(vif, queue) {
        if (!queue.tx.unconsumed().ok) die();
        correct.serveTx(vif, queue);
      },
    })),
  },
  {
    id: 'backend.robustness.rx-indices',
    breaks: 'ROB-01',
    fault: 'stops serving every vif after an rx req_prod beyond the ring',
    backend: mortalBackend((die) => ({
      drainBacklog(vif, queue) {
        if (queue.backlog.length > 0 && !queue.rx.unconsumed().ok) die();
        correct.drainBacklog(vif, queue);
      },
    })),
  },
  {
    id: 'backend.robustness.endless',
    breaks: 'ROB-01',
    fault: 'stops serving every vif when an endless packet fills the ring',
    backend: mortalBackend((die) => ({
      serveTx(vif, queue) {
        correct.serveTx(vif, queue);
        const left = queue.tx.unconsumed();
        if (left.ok && left.value === queue.tx.layout.size) die();
      },
    })),
  },
  {
    id: 'backend.robustness.bad-copy',
    breaks: 'ROB-01',
    fault: 'stops serving every vif after a grant that it cannot copy from',
    seen: 'Linux xen-netback before XSA-362 (CVE-2021-26931): BUG on a grant that cannot be mapped',
    backend: mortalBackend((die) => ({
      fetch(vif, queue, chain) {
        const frame = correct.fetch(vif, queue, chain);
        if (!frame) die();
        return frame;
      },
    })),
  },
  {
    id: 'backend.robustness.lost-frontend',
    breaks: 'ROB-01',
    fault: 'stops serving every vif when the state of a connected frontend is missing or invalid',
    backend: mortalBackend((die) => ({
      async frontendChanged(vif) {
        if (await isLost(vif, vif.frontendPath)) die();
        await correct.frontendChanged(vif);
      },
    })),
  },
  {
    id: 'backend.robustness.odd-state',
    breaks: 'ROB-01',
    fault: 'stops serving every vif after a frontend state outside 1 to 6',
    seen: 'FreeBSD xnb: Unknown and Reconfiguring are fatal',
    backend: mortalBackend((die) => ({
      async frontendChanged(vif) {
        const state = await readOther(vif.domain.store, `${vif.frontendPath}/state`);
        if (state !== undefined && !/^[1-6]$/.test(state)) die();
        await correct.frontendChanged(vif);
      },
    })),
  },
  {
    id: 'backend.robustness.bad-value',
    breaks: 'ROB-01',
    fault: 'stops serving every vif after a key whose value is not a number',
    seen: 'Linux xen-netback before 6d1dc8014334: a number of queues of 0',
    backend: mortalBackend((die) => ({
      async connect(vif) {
        for (const key of [KEY.requestRxCopy, KEY.featureRxNotify, KEY.txRingRef, KEY.eventChannel]) {
          const value = await vif.frontendKey(key);
          if (value !== undefined && !parseDecimal(value, { min: 0, max: 0xffffffff }).ok) die();
        }
        const queues = await vif.frontendKey(KEY.multiQueueNumQueues);
        if (queues !== undefined && !parseDecimal(queues, { min: 1, max: 4 }).ok) die();
        await correct.connect(vif);
      },
    })),
  },
];
