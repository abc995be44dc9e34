/**
 * Choices that ring.h leaves: event indices, notifications, the start index of a ring, and the handling of an overflow.
 */
import { BROADCAST_MAC } from '../../../packet/address.js';
import { encodeEthernet, LOCAL_EXPERIMENT } from '../../../packet/ethernet.js';
import type { BackendQueueState, BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { LegalDriver } from '../legal.js';
import { notifiesTogether } from '../support/backend-pace.js';
import { every, later } from '../support/backend-queues.js';

/** A broadcast of a protocol that no stack knows. */
const ANNOUNCEMENT = encodeEthernet({
  destination: BROADCAST_MAC,
  source: Uint8Array.of(0x00, 0x16, 0x3e, 1, 2, 4),
  etherType: LOCAL_EXPERIMENT,
  payload: new Uint8Array(46),
});

/** Packets that are served before other vifs have their turn. */
const BUDGET = 4;

/** Opens a queue that is also served every `ms` milliseconds. */
function polled(ms: number): BackendSteps['openQueue'] {
  return (vif, ...rest) => {
    const queue = correct.openQueue(vif, ...rest);
    every(vif, queue, ms, () => vif.steps.serve(vif, queue));
    return queue;
  };
}

/** Consumes every packet that is in the ring, without asking for an event. */
function serveAll(vif: BackendVif, queue: BackendQueueState): void {
  if (!queue.tx.unconsumed().ok) return;
  for (let chain = vif.steps.takeChain(queue); chain; chain = vif.steps.takeChain(queue)) {
    vif.steps.serveChain(vif, queue, chain);
  }
}

export const RINGS: readonly LegalDriver[] = [
  {
    id: 'backend.polls',
    choice: 'polls its rings every 2 ms and asks for no event',
    source:
      'ring.h, "Notification hold-off": an event index is set before sleeping the connection, and it never sleeps',
    backend: {
      openQueue: polled(2),
      serveTx: serveAll,
      drainBacklog(vif, queue) {
        const event = queue.rx.indices().reqEvent;
        correct.drainBacklog(vif, queue);
        queue.rx.setReqEvent(event);
      },
    },
  },
  {
    id: 'backend.event-ahead',
    choice: 'asks for an event at the eighth request from now, and polls every 5 ms for fewer',
    source: 'ring.h, "Notification hold-off": req_event may be set ahead for batches of work',
    backend: {
      openQueue: polled(5),
      serveTx(vif, queue) {
        serveAll(vif, queue);
        queue.tx.setReqEvent(queue.tx.reqCons + 8);
      },
    },
  },
  {
    id: 'backend.serves-in-turns',
    choice: `serves ${BUDGET} packets of a queue, and the next ones a millisecond later`,
    source: 'Linux drivers/net/xen-netback/interface.c, xenvif_poll: a budget, v6.1',
    backend: {
      serveTx(vif, queue) {
        if (!queue.tx.unconsumed().ok) return;
        for (let n = 0; n < BUDGET; n++) {
          const chain = vif.steps.takeChain(queue);
          if (!chain) break;
          vif.steps.serveChain(vif, queue, chain);
        }
        const more = queue.tx.finalCheck();
        if (more.ok && more.value) later(vif, queue, 1, () => vif.steps.serveTx(vif, queue));
      },
    },
  },
  {
    id: 'backend.notifies-always',
    choice: 'notifies after each push, whatever the event index says',
    source: 'netif.h: notifications should be conditional',
    backend: {
      push(vif, ring, port) {
        ring.push();
        vif.domain.events.notify(port);
      },
    },
    warns: ['NOTIFY-01'],
  },
  {
    id: 'backend.notifies-late',
    choice: 'notifies 3 ms after a push that crosses the event index',
    source: 'ring.h sets no time for a notification',
    backend: {
      push(vif, ring, port) {
        if (!ring.push()) return;
        vif.domain.clock.after(3, () => {
          if (vif.queues.some(({ txPort, rxPort }) => txPort === port || rxPort === port))
            vif.domain.events.notify(port);
        });
      },
    },
  },
  {
    id: 'backend.notifies-together',
    choice: 'notifies 50 ms after a push that crosses the event index, once for all pushes until then',
    source: 'ring.h sets no time for a notification',
    backend: notifiesTogether(50),
  },
  {
    id: 'backend.own-ring-alone',
    choice: 'handles the tx ring only on events of the tx channel, and the rx ring only on those of the rx channel',
    source: 'Linux drivers/net/xen-netback/interface.c, xenvif_tx_interrupt and xenvif_rx_interrupt, v6.1',
    backend: {
      openQueue(vif, ...rest) {
        const queue = correct.openQueue(vif, ...rest);
        if (queue.txPort === queue.rxPort) return queue;
        vif.pump.on(queue.txPort, () => vif.steps.serveTx(vif, queue));
        vif.pump.on(queue.rxPort, () => vif.steps.drainBacklog(vif, queue));
        return queue;
      },
    },
  },
  {
    id: 'backend.attaches-at-0',
    choice: 'attaches to each ring at index 0',
    source: 'ring.h, BACK_RING_INIT; QEMU, FreeBSD and NetBSD use it',
    backend: { attach: (ring) => ring.attach(0) },
  },
  {
    id: 'backend.attaches-at-0-and-announces',
    choice: 'attaches to each ring at index 0, and its host sends a broadcast soon after',
    source: 'ring.h, BACK_RING_INIT; no header specifies what a host sends by itself',
    backend: {
      attach: (ring) => ring.attach(0),
      openQueue(vif, ...rest) {
        const queue = correct.openQueue(vif, ...rest);
        later(vif, queue, 1, () => vif.steps.send(vif, queue, { frame: ANNOUNCEMENT, csumBlank: false }));
        return queue;
      },
    },
  },
  {
    id: 'backend.overflow-closes',
    choice: 'goes to Closing with an error node when req_prod is beyond the ring',
    source: 'ring.h, RING_REQUEST_PROD_OVERFLOW: ill-behaved frontend',
    backend: {
      serveTx(vif, queue) {
        const ready = queue.tx.unconsumed();
        if (ready.ok) return correct.serveTx(vif, queue);
        vif.steps.disconnect(vif);
        void vif.steps.refuse(vif, ready.reason).catch(vif.onError);
      },
    },
  },
  {
    id: 'backend.overfull-connected',
    choice: 'connects a ring that is overfull at the start, and does not serve it',
    source:
      'QEMU hw/net/xen_nic.c, xen_netdev_connect, 06b40d250ecf, and FreeBSD netback.c, xnb_connect_ring: no check',
    backend: { ringFault: () => undefined },
    warns: ['RING-20'],
  },
  {
    id: 'backend.serves-all-queues',
    choice: 'serves every queue at an event of any of them',
    source: 'ring.h says when to notify, not what a notified end serves',
    backend: {
      serve(vif) {
        for (const queue of vif.queues) correct.serve(vif, queue);
      },
    },
  },
];
