/** Defects of the reference frontend, chapter robustness. */
import { KEY } from '../../../protocol/netif.js';
import { decodeRxResponse } from '../../../protocol/rx.js';
import { decodeTxResponse } from '../../../protocol/tx.js';
import { parseDecimal } from '../../../protocol/xenbus.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import { readOther } from '../../bus.js';
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { FrontendVif } from '../../frontend.js';
import type { Defect } from '../defect.js';
import { countSpurious, isLost, mortalFrontend } from '../support/mortal.js';

export const FRONTEND_ROBUSTNESS_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.robustness.storm',
    breaks: 'ROB-02',
    fault: 'stops serving every vif at the 13th spurious event in a row',
    seen: 'Linux xen-netfront before XSA-391 (CVE-2021-28712): an event storm keeps a processor busy',
    frontend: mortalFrontend((die) => {
      const isStorm = countSpurious();
      return {
        serve(vif, queue) {
          const [tx, rx] = [queue.tx.unconsumed(), queue.rx.unconsumed()];
          if (isStorm(vif, tx.ok && rx.ok && tx.value + rx.value === 0)) die();
          correct.serve(vif, queue);
        },
      };
    }),
  },
  {
    id: 'frontend.robustness.page-in-use',
    breaks: 'ROB-02',
    fault: 'stops serving every vif at a response to a request whose page the backend still has mapped',
    seen: 'Linux xen-netfront before 66e3531b33ee (XSA-396, CVE-2022-23042): BUG if a grant is in use',
    frontend: mortalFrontend((die) => {
      const inUse = (vif: FrontendVif, ref: number): boolean =>
        vif.domain.observer.grantUseNow?.(vif.domain.id, ref) === 'reading';
      return {
        serveTx(vif, queue) {
          const sent = [...queue.sending];
          correct.serveTx(vif, queue);
          if (sent.some(([id, { ref }]) => !queue.sending.has(id) && inUse(vif, ref))) die();
        },
      };
    }),
  },
  {
    id: 'frontend.robustness.unknown-id',
    breaks: 'ROB-02',
    fault: 'stops serving every vif after a response to a request that it never sent',
    seen: 'OpenBSD xnf, Unikraft, Nanos: assertions on the responses of the backend',
    frontend: mortalFrontend((die) => ({
      serveTx(vif, queue) {
        const { rspCons } = queue.tx;
        const ready = queue.tx.unconsumed();
        for (let n = 0; ready.ok && n < ready.value; n++) {
          const response = decodeTxResponse(queue.tx.take());
          if (response.ok && !queue.sending.has(response.value.id)) die();
        }
        queue.tx.rspCons = rspCons;
        correct.serveTx(vif, queue);
      },
    })),
  },
  {
    id: 'frontend.robustness.bad-length',
    breaks: 'ROB-02',
    fault: 'stops serving every vif after a response whose data runs past the page',
    frontend: mortalFrontend((die) => ({
      serveRx(vif, queue) {
        const { rspCons } = queue.rx;
        const ready = queue.rx.unconsumed();
        for (let n = 0; ready.ok && n < ready.value; n++) {
          const response = decodeRxResponse(queue.rx.take());
          if (response.ok && response.value.offset + response.value.status > PAGE_SIZE) die();
        }
        queue.rx.rspCons = rspCons;
        correct.serveRx(vif, queue);
      },
    })),
  },
  {
    id: 'frontend.robustness.endless',
    breaks: 'ROB-02',
    fault: 'stops serving every vif after a packet whose last slot is not published yet',
    frontend: mortalFrontend((die) => ({
      serveRx(vif, queue) {
        correct.serveRx(vif, queue);
        if (queue.expect !== 'first') die();
      },
    })),
  },
  {
    id: 'frontend.robustness.lost-backend',
    breaks: 'ROB-02',
    fault: 'stops serving every vif when the state of a connected backend is missing or invalid',
    frontend: mortalFrontend((die) => ({
      async backendChanged(vif) {
        if (await isLost(vif, vif.backendPath)) die();
        await correct.backendChanged(vif);
      },
    })),
  },
  {
    id: 'frontend.robustness.odd-state',
    breaks: 'ROB-02',
    fault: 'stops serving every vif after a backend state outside 1 to 6',
    seen: 'NetBSD xennet: panics on a state that it does not expect',
    frontend: mortalFrontend((die) => ({
      async backendChanged(vif) {
        const state = await readOther(vif.domain.store, `${vif.backendPath}/state`);
        if (state !== undefined && !/^[1-6]$/.test(state)) die();
        await correct.backendChanged(vif);
      },
    })),
  },
  {
    id: 'frontend.robustness.bad-value',
    breaks: 'ROB-02',
    fault: 'stops serving every vif after a key whose value is not a number',
    frontend: mortalFrontend((die) => ({
      async connect(vif) {
        for (const key of [KEY.multiQueueMaxQueues, KEY.featureRxCopy, KEY.featureSg, KEY.featureSplitEventChannels]) {
          const value = await readOther(vif.domain.store, `${vif.backendPath}/${key}`);
          if (value !== undefined && !parseDecimal(value, { min: 0, max: 0xffff }).ok) die();
        }
        await correct.connect(vif);
      },
    })),
  },
  {
    id: 'frontend.robustness.empty-value',
    breaks: 'XB-18',
    fault: 'stops serving every vif after a key with an empty value',
    frontend: mortalFrontend((die) => ({
      async connect(vif) {
        for (const key of [KEY.multiQueueMaxQueues, KEY.featureRxCopy, KEY.featureSg, KEY.featureSplitEventChannels]) {
          if ((await readOther(vif.domain.store, `${vif.backendPath}/${key}`)) === '') die();
        }
        await correct.connect(vif);
      },
    })),
  },
];
