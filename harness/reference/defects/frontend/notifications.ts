/** Defects of the reference frontend, chapter notifications. */
import { KEY } from '../../../protocol/netif.js';
import type { FrontRing } from '../../../protocol/shared-ring.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { Defect } from '../defect.js';
import { Counts } from '../support/counts.js';
import { pushesInSilence } from '../support/frontend.js';
import { advance, distance, needsNotify, RING_OFFSET } from '../../../protocol/ring.js';

/** Notifies one of the rings at each push once req_prod has reached the event index. */
const fromIndexOn = (name: 'tx' | 'rx'): Pick<FrontendSteps, 'push'> => ({
  push(vif, ring, port) {
    const due = ring.push();
    const { reqProd, reqEvent } = ring.indices();
    const reached = ring.layout.name === name && distance(reqEvent, reqProd) < 2 ** 31;
    if (due || reached) vif.domain.events.notify(port);
  },
});

export const FRONTEND_NOTIFICATIONS_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.notifications.silent',
    breaks: 'NOTIFY-02',
    fault: 'omits every twentieth notification of a ring',
    frontend: (() => {
      const counts = new Counts();
      return {
        push(vif, ring, port) {
          if (!ring.push()) return;
          if (counts.next(ring) % 20 !== 0) vif.domain.events.notify(port);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.notifications.not-at-the-end',
    breaks: 'NOTIFY-02',
    fault: 'sends no event if the last of several requests that it publishes together is the one to be notified',
    shownIn: 'frontend.notifications.event-at-end',
    frontend: {
      push(vif, ring, port) {
        if (ring.layout.name !== 'tx') return correct.push(vif, ring, port);
        // Packets that are sent in the same millisecond are published together.
        vif.domain.clock.after(1, () => {
          if (!vif.queues.some(({ tx }) => tx === ring)) return;
          const { reqProd, reqEvent } = ring.indices();
          const several = distance(reqProd, ring.reqProdPvt) > 1;
          if (ring.push() && !(several && reqEvent === ring.reqProdPvt)) vif.domain.events.notify(port);
        });
      },
    },
  },
  {
    id: 'frontend.notifications.not-at-the-end-of-a-refill',
    breaks: 'NOTIFY-02',
    fault: 'sends no event if the last of several buffers that it posts together is the one to be notified',
    shownIn: 'frontend.notifications.refill-at-end',
    frontend: {
      push(vif, ring, port) {
        const { reqProd, reqEvent } = ring.indices();
        const several = ring.layout.name === 'rx' && distance(reqProd, ring.reqProdPvt) > 1;
        if (ring.push() && !(several && reqEvent === ring.reqProdPvt)) vif.domain.events.notify(port);
      },
    },
  },
  {
    id: 'frontend.notifications.64-per-event',
    breaks: 'NOTIFY-04',
    shownIn: 'frontend.notifications.whole-batch',
    fault: 'handles at most 64 rx responses per event, and then asks for an event of a response that is there already',
    frontend: {
      rxTarget: () => 200,
      serveRx(vif, queue) {
        const { rx } = queue;
        const ready = rx.unconsumed();
        if (!ready.ok || ready.value <= 64) return correct.serveRx(vif, queue);
        vif.steps.takeRx(vif, queue, 64);
        vif.steps.post(vif, queue);
        vif.steps.push(vif, rx, queue.rxPort);
        rx.setRspEvent(advance(rx.rspCons, 1));
      },
    },
  },
  {
    id: 'frontend.notifications.always',
    breaks: 'NOTIFY-01',
    fault: 'notifies whatever the event index says',
    seen: 'mini-os netfront (9682fc3): every packet notified the rx ring',
    frontend: {
      push(vif, ring, port) {
        ring.push();
        vif.domain.events.notify(port);
      },
    },
  },
  {
    id: 'frontend.notifications.tx-from-index-on',
    breaks: 'NOTIFY-01',
    fault: 'notifies tx requests from the event index on, however long ago it was reached',
    shownIn: 'frontend.notifications.event-elsewhere',
    frontend: fromIndexOn('tx'),
  },
  {
    id: 'frontend.notifications.rx-from-index-on',
    breaks: 'NOTIFY-01',
    fault: 'notifies rx buffers from the event index on, however long ago it was reached',
    shownIn: 'frontend.notifications.refill-elsewhere',
    frontend: fromIndexOn('rx'),
  },
  {
    id: 'frontend.notifications.sleeps-unasked',
    breaks: 'NOTIFY-04',
    fault: 'stops asking for events before it sleeps, after fifty times',
    frontend: (() => {
      const counts = new Counts();
      const sleeps = (ring: FrontRing): ReturnType<FrontRing['finalCheck']> => {
        const { rspEvent } = ring.indices();
        const more = ring.finalCheck();
        if (counts.next(ring) > 50) ring.setRspEvent(rspEvent);
        return more;
      };
      return { checkTx: ({ tx }) => sleeps(tx), checkRx: ({ rx }) => sleeps(rx) } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.notifications.asks-for-the-second',
    breaks: 'NOTIFY-04',
    fault: 'asks for an event at the second of the next rx responses',
    frontend: {
      checkRx(queue) {
        const more = correct.checkRx(queue);
        queue.rx.setRspEvent(queue.rx.rspCons + 2);
        return more;
      },
    },
  },
  {
    id: 'frontend.notifications.rx-notify-by-word',
    breaks: 'NOTIFY-08',
    fault: 'writes feature-rx-notify = "yes"',
    frontend: { features: () => ({ ...correct.features(), [KEY.featureRxNotify]: 'yes' }) },
  },
  {
    id: 'frontend.notifications.masks-channel',
    breaks: 'NOTIFY-07',
    fault: 'stops serving a queue after 20 spurious events in a row',
    frontend: (() => {
      const spurious = new Counts();
      return {
        serve(vif, queue) {
          const [tx, rx] = [queue.tx.unconsumed(), queue.rx.unconsumed()];
          if (!tx.ok || !rx.ok || tx.value + rx.value > 0) spurious.clear(queue);
          else if (spurious.next(queue) > 20) vif.pump.off(queue.rxPort);
          correct.serve(vif, queue);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.notifications.answers-events',
    breaks: 'NOTIFY-13',
    fault: 'responds to each event with an event of its own',
    frontend: {
      serve(vif, queue) {
        correct.serve(vif, queue);
        vif.domain.events.notify(queue.txPort);
      },
    },
  },
  {
    id: 'frontend.notifications.fifth-connection',
    breaks: 'NOTIFY-02',
    fault: 'does not notify the tx requests of its fifth connection',
    frontend: (() => {
      const counts = new Counts();
      const silent = new WeakSet();
      return {
        async connect(vif) {
          if (counts.next(vif.domain) === 5) silent.add(vif);
          await correct.connect(vif);
        },
        ...pushesInSilence((vif) => silent.has(vif)),
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.notifications.first-silent',
    breaks: 'NOTIFY-12',
    fault: 'does not notify the first request of a tx ring if another vif has connected since',
    frontend: (() => {
      const last = new WeakMap<object, object>();
      return {
        async connect(vif) {
          last.set(vif.domain, vif);
          await correct.connect(vif);
        },
        ...pushesInSilence((vif, ring) => ring.indices().reqProd === 0 && last.get(vif.domain) !== vif),
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.notifications.reads-index-early',
    breaks: 'NOTIFY-03',
    fault: 'reads the event index before it publishes its requests',
    frontend: {
      push(vif, ring, port) {
        const event = ring.page.load32(RING_OFFSET.reqEvent);
        vif.domain.clock.after(0, () => {
          if (!vif.queues.some(({ tx, rx }) => tx === ring || rx === ring)) return;
          const old = ring.indices().reqProd;
          ring.push();
          if (needsNotify(old, ring.indices().reqProd, event)) vif.domain.events.notify(port);
        });
      },
    },
  },
  {
    id: 'frontend.notifications.nobody-cared',
    breaks: 'NOTIFY-07',
    fault: 'ignores the event channel of its last queue after 200 events without a response',
    frontend: (() => {
      const idle = new Counts();
      return {
        serve(vif, queue) {
          const [rx, tx] = [queue.rx.unconsumed(), queue.tx.unconsumed()];
          if (rx.ok && tx.ok && rx.value === 0 && tx.value === 0 && queue.index > 0) idle.next(queue);
          if (idle.of(queue) < 200) correct.serve(vif, queue);
        },
      } satisfies Defect['frontend'];
    })(),
  },
];
