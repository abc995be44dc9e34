/** Defects of the reference backend, chapter notifications. */
import { KEY } from '../../../protocol/netif.js';
import { needsNotify } from '../../../protocol/ring.js';
import type { BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import { later } from '../../legal/support/backend-queues.js';
import { untilNextEvent, withoutAsking } from '../../legal/support/backend-receive.js';
import type { Defect } from '../defect.js';
import { Counts } from '../support/counts.js';
import { countSpurious, mortalBackend } from '../support/mortal.js';

export const BACKEND_NOTIFICATIONS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.notifications.silent',
    breaks: 'NOTIFY-02',
    fault: 'omits every twentieth notification of a ring',
    seen: 'win-xenvif 647610f: a watchdog for event notifications that backends lose',
    backend: (() => {
      const counts = new Counts();
      return {
        push(vif, ring, port) {
          if (!ring.push()) return;
          if (counts.next(ring) % 20 !== 0) vif.domain.events.notify(port);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.notifications.always',
    breaks: 'NOTIFY-01',
    fault: 'notifies whatever the event index says',
    seen: 'FreeBSD xnb: notifies a frontend without feature-rx-notify every time',
    backend: {
      push(vif, ring, port) {
        ring.push();
        vif.domain.events.notify(port);
      },
    },
  },
  {
    id: 'backend.notifications.always-on-one-channel',
    breaks: 'NOTIFY-01',
    fault: 'offers no split event channels and notifies after each rx response, whatever the event index says',
    backend: {
      features: () => ({ ...correct.features(), [KEY.featureSplitEventChannels]: '0' }),
      push(vif, ring, port) {
        const isRx = vif.queues.some(({ rx }) => rx === ring);
        if (ring.push() || isRx) vif.domain.events.notify(port);
      },
    },
  },
  {
    id: 'backend.notifications.from-index-on',
    breaks: 'NOTIFY-01',
    fault: 'notifies at each push once rsp_prod has passed the event index, however long ago',
    backend: {
      push(vif, ring, port) {
        const due = ring.push();
        const { rspProd, rspEvent } = ring.indices();
        // As a signed difference: an index that is far ahead has not been passed.
        if (due || ((rspProd - rspEvent) | 0) >= 0) vif.domain.events.notify(port);
      },
    },
  },
  {
    id: 'backend.notifications.no-final-check',
    breaks: 'NOTIFY-04',
    fault: 'stops setting req_event after 40 requests',
    backend: {
      serveTx(vif, queue) {
        if (queue.tx.reqCons < 40) return correct.serveTx(vif, queue);
        for (let chain = vif.steps.takeChain(queue); chain; chain = vif.steps.takeChain(queue)) {
          vif.steps.serveChain(vif, queue, chain);
        }
      },
    },
  },
  {
    id: 'backend.notifications.deaf-after-119',
    breaks: 'NOTIFY-04',
    fault: 'asks for no further event after a packet of 119 bytes, and does not poll',
    backend: (() => {
      const deaf = new WeakSet<object>();
      return {
        serveChain(vif, queue, chain) {
          if (chain.requests[0]?.size === 119) deaf.add(queue);
          correct.serveChain(vif, queue, chain);
        },
        serveTx(vif, queue) {
          correct.serveTx(vif, queue);
          if (deaf.has(queue)) queue.tx.setReqEvent(queue.tx.reqCons);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.notifications.echoes',
    breaks: 'NOTIFY-13',
    fault: 'responds to every event on the tx channel with an event of its own',
    backend: {
      serve(vif, queue) {
        correct.serve(vif, queue);
        vif.domain.events.notify(queue.txPort);
      },
    },
  },
  {
    id: 'backend.notifications.early-event-index',
    breaks: 'NOTIFY-03',
    fault: 'decides on every fiftieth notification of a ring by the event index that it read before the last push',
    backend: (() => {
      const counts = new Counts();
      const early = new WeakMap<object, number>();
      return {
        push(vif, ring, port) {
          const { rspProd: before, rspEvent } = ring.indices();
          const isStale = counts.next(ring) % 50 === 0;
          const due = ring.push();
          const stale = needsNotify(before, ring.rspProdPvt, early.get(ring) ?? rspEvent);
          early.set(ring, rspEvent);
          if (isStale ? stale : due) vif.domain.events.notify(port);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.notifications.gives-up-channel',
    breaks: 'NOTIFY-07',
    fault: 'stops serving a vif after 13 spurious events in a row',
    backend: (() => {
      const isStorm = countSpurious();
      const dead = new WeakSet<object>();
      return {
        serve(vif, queue) {
          const tx = queue.tx.unconsumed();
          if (isStorm(vif, tx.ok && tx.value === 0)) dead.add(vif);
          if (!dead.has(vif)) correct.serve(vif, queue);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.notifications.waits-without-rx-notify',
    breaks: 'NOTIFY-09',
    fault: 'waits for a notification of new buffers from a frontend that sends none',
    backend: (() => {
      const waiting = new WeakSet<object>();
      return {
        drainBacklog(vif, queue) {
          const ready = queue.rx.unconsumed();
          if (!vif.rxNotify && queue.backlog.length > 0 && ready.ok && ready.value === 0) waiting.add(queue);
          if (!waiting.has(queue)) correct.drainBacklog(vif, queue);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.notifications.keeps-without-rx-notify',
    breaks: 'RXW-31',
    fault: 'keeps packets for which there is no buffer until the next event or packet, without feature-rx-notify',
    seen: 'QEMU hw/net/xen_nic.c, net_rx_ok: packets wait in the queue of the interface',
    backend: { waitsForBuffers: () => true },
  },
  {
    id: 'backend.notifications.keeps-without-asking',
    breaks: 'NOTIFY-10',
    fault: 'keeps packets for which there is no buffer, and asks for no event',
    backend: withoutAsking,
  },
  {
    id: 'backend.notifications.resumes-by-event',
    breaks: 'NOTIFY-09',
    fault: 'looks for new buffers of a frontend without feature-rx-notify only at the next event',
    backend: untilNextEvent(correct, ({ rxNotify }, { rx }) => {
      const ready = rx.unconsumed();
      return !rxNotify && ready.ok && ready.value === 0;
    }),
  },
  {
    id: 'backend.notifications.slow-stack-without-asking',
    breaks: 'NOTIFY-10',
    fault: 'keeps packets that its stack sends 1 ms late and for which there is no buffer, and asks for no event',
    backend: {
      accept: (vif, queue, packet) =>
        later(vif, queue, 1, () => correct.accept(vif, queue, { ...packet, frame: Uint8Array.from(packet.frame) })),
      ...withoutAsking,
    },
  },
  {
    id: 'backend.notifications.flushes-youngest',
    breaks: 'NOTIFY-10',
    fault: 'when buffers are posted, delivers what waits on the vif that was connected last',
    backend: (() => {
      const youngest = new WeakMap<object, BackendVif>();
      return {
        openQueue(vif, ...rest) {
          youngest.set(vif.domain, vif);
          return correct.openQueue(vif, ...rest);
        },
        serve(vif, queue) {
          const other = youngest.get(vif.domain) ?? vif;
          for (const each of other.queues) vif.steps.drainBacklog(other, each);
          vif.steps.serveTx(vif, queue);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.notifications.not-the-first',
    breaks: 'NOTIFY-12',
    fault: 'omits the notification of the first message on a ring, with every tenth vif from the second on',
    backend: (() => {
      const vifs = new Counts();
      const known = new WeakMap<object, number>();
      const pushes = new Counts();
      return {
        push(vif, ring, port) {
          const number = known.get(vif) ?? vifs.next(vif.domain);
          known.set(vif, number);
          const due = ring.push();
          const isFirst = pushes.next(ring) === 1;
          if (due && !(isFirst && number % 10 === 2)) vif.domain.events.notify(port);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.notifications.sleeps-for-good',
    breaks: 'NOTIFY-04',
    fault: 'moves req_event to what it has consumed when it has been idle for a minute, and so gets no event',
    backend: {
      openQueue(vif, ...rest) {
        const queue = correct.openQueue(vif, ...rest);
        let last = queue.tx.reqCons;
        const look = (): void => {
          if (!vif.queues.includes(queue)) return;
          if (queue.tx.reqCons === last) queue.tx.setReqEvent(last);
          else last = queue.tx.reqCons;
          vif.domain.clock.after(30_000, look);
        };
        vif.domain.clock.after(30_000, look);
        return queue;
      },
    },
  },
  {
    id: 'backend.notifications.stalled-for-good',
    breaks: 'RXW-27',
    fault: 'delivers nothing more once packets have waited for buffers for a minute',
    backend: (() => {
      const stalled = new WeakSet<object>();
      const waiting = new WeakSet<object>();
      return {
        drainBacklog(vif, queue) {
          const ready = queue.rx.unconsumed();
          const starves = ready.ok && ready.value === 0;
          if (starves && !waiting.has(queue)) {
            waiting.add(queue);
            const { rspProd } = queue.rx.indices();
            vif.domain.clock.after(60_000, () => {
              waiting.delete(queue);
              if (vif.queues.includes(queue) && queue.rx.indices().rspProd === rspProd) stalled.add(queue);
            });
          }
          if (!stalled.has(queue)) correct.drainBacklog(vif, queue);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.notifications.dies-of-expired',
    breaks: 'ROB-01',
    fault:
      'drops packets that have waited for ten seconds, and stops serving every vif if none is left when buffers come',
    seen: 'Linux xen-netback before 94e810067888: the queue is empty after packets have expired',
    backend: mortalBackend((die) => {
      const expired = new WeakSet<object>();
      const oldest = new WeakMap<object, object>();
      return {
        drainBacklog(vif, queue) {
          if (expired.delete(queue) && queue.backlog.length === 0) die();
          correct.drainBacklog(vif, queue);
          const [first] = queue.backlog;
          if (!first || oldest.get(queue) === first) return;
          oldest.set(queue, first);
          vif.domain.clock.after(10_000, () => {
            if (queue.backlog[0] !== first) return;
            queue.backlog.length = 0;
            expired.add(queue);
          });
        },
      };
    }),
  },
];
