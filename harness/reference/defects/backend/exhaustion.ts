/** Defects of the reference backend, chapter exhaustion: each refusal costs a place that is never free again. */
import { CTRL_STATUS } from '../../../protocol/netif.js';
import { CTRL_RING, RX_RING, TX_RING } from '../../../protocol/ring.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import { MAX_MAPPED } from '../../mapped-grants.js';
import type { Defect } from '../defect.js';
import { isRefused, isUnwritable } from '../support/backend.js';
import { INVALID_PARAMETER } from '../support/control.js';
import { Counts } from '../support/counts.js';

export const BACKEND_EXHAUSTION_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.exhaustion.slots-of-refused',
    breaks: 'TXW-28',
    fault: 'keeps the slots after the first of each packet that it refuses, and stops when it has as many as the ring',
    backend: (() => {
      const kept = new Counts();
      return {
        serveChain(vif, queue, chain) {
          if (kept.of(queue) >= TX_RING.size) return;
          if (isRefused(vif, queue, chain)) for (let n = 1; n < chain.requests.length; n++) kept.next(queue);
          correct.serveChain(vif, queue, chain);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.exhaustion.messages',
    breaks: 'CTRL-07',
    fault: 'keeps the slot of each control message that it refuses, and stops when it has as many as the ring',
    backend: (() => {
      const kept = new Counts();
      return {
        respondControl(vif, request, answer) {
          if (vif.control && answer.status !== CTRL_STATUS.success) kept.next(vif.control);
          correct.respondControl(vif, request, answer);
        },
        serveControl(vif) {
          if (vif.control && kept.of(vif.control) < CTRL_RING.size) correct.serveControl(vif);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.exhaustion.grants',
    breaks: 'GREF-09',
    fault: 'counts the entries of lists that it refuses as mapped',
    backend: (() => {
      const lost = new WeakMap<object, number>();
      return {
        addGrefMapping(vif, data) {
          const [index, , size] = data;
          const queue = vif.queues[index];
          const taken = queue ? (lost.get(queue) ?? 0) : 0;
          if (queue && queue.mapped.size + taken + size > MAX_MAPPED) return INVALID_PARAMETER;
          const answer = correct.addGrefMapping(vif, data);
          if (queue && answer.status !== CTRL_STATUS.success) lost.set(queue, taken + size);
          return answer;
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.exhaustion.buffers',
    breaks: 'GNT-10',
    fault: 'delivers nothing after as many buffers that it could not write as the rx ring has slots',
    backend: (() => {
      const failed = new Counts();
      return {
        fill(vif, queue, request, piece, flags) {
          if (isUnwritable(vif, queue, request)) failed.next(queue);
          correct.fill(vif, queue, request, piece, flags);
        },
        drainBacklog(vif, queue) {
          if (failed.of(queue) < RX_RING.size) correct.drainBacklog(vif, queue);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.exhaustion.first-of-refused',
    breaks: 'RING-09',
    fault:
      'keeps the first slot of each packet of which a later fragment cannot be read, and stops after as many as the ring has',
    backend: (() => {
      const kept = new Counts();
      return {
        serveTx(vif, queue) {
          if (kept.of(queue) < TX_RING.size) correct.serveTx(vif, queue);
        },
        fetch(vif, queue, chain) {
          const bytes = correct.fetch(vif, queue, chain);
          if (!bytes && chain.requests.length > 1) kept.next(queue);
          return bytes;
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.exhaustion.partial',
    breaks: 'RING-09',
    fault: 'keeps a place each time that a batch ends within a packet, and stops when it has 64',
    backend: (() => {
      const kept = new Counts();
      return {
        serveTx(vif, queue) {
          if (kept.of(queue) >= 64) return;
          correct.serveTx(vif, queue);
          const left = queue.tx.unconsumed();
          if (left.ok && left.value > 0) kept.next(queue);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.exhaustion.empty-fragments',
    breaks: 'RING-09',
    fault: 'keeps a place for each fragment of size 0, and stops when it has as many as the ring',
    backend: (() => {
      const kept = new Counts();
      return {
        serveChain(vif, queue, chain) {
          if (kept.of(queue) >= TX_RING.size) return;
          for (const { size } of chain.requests) if (size === 0) kept.next(queue);
          correct.serveChain(vif, queue, chain);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.exhaustion.unread-messages',
    breaks: 'CTRL-07',
    fault: 'keeps a place for each page of a control message that it cannot read, and stops when it has 512',
    backend: (() => {
      const kept = new Counts();
      return {
        readMessage(vif, ref, length) {
          const bytes = correct.readMessage(vif, ref, length);
          if (!bytes && vif.control) kept.next(vif.control);
          return bytes;
        },
        serveControl(vif) {
          if (vif.control && kept.of(vif.control) < MAX_MAPPED) correct.serveControl(vif);
        },
      } satisfies Defect['backend'];
    })(),
  },
];
