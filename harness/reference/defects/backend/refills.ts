/** Defects of the reference backend, chapter refills. */
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import type { Defect } from '../defect.js';

export const BACKEND_REFILLS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.refills.forgets-headroom',
    breaks: 'RING-08',
    fault: 'counts the buffers that a packet needs without its headroom',
    backend: {
      buffersFor(vif, { frame, ...packet }) {
        const others = vif.steps.extras(vif, { frame, ...packet }).filter(({ type }) => type !== 'xdp');
        return Math.ceil(frame.length / PAGE_SIZE) + others.length;
      },
    },
  },
  {
    id: 'backend.refills.one-too-few',
    breaks: 'RING-08',
    fault: 'delivers a packet of several slots when one buffer fewer is posted',
    backend: {
      buffersFor(vif, packet) {
        const needed = correct.buffersFor(vif, packet);
        return needed > 2 ? needed - 1 : needed;
      },
    },
  },
  {
    id: 'backend.refills.one-too-many',
    breaks: 'RXW-31',
    fault: 'waits for one buffer more than a packet of several slots needs',
    backend: {
      buffersFor(vif, packet) {
        const needed = correct.buffersFor(vif, packet);
        return needed > 1 ? needed + 1 : needed;
      },
    },
  },
  {
    id: 'backend.refills.asks-too-far',
    breaks: 'NOTIFY-10',
    fault: 'asks for an event after as many new buffers as a packet needs in all',
    backend: {
      drainBacklog(vif, queue) {
        correct.drainBacklog(vif, queue);
        const [packet] = queue.backlog;
        const ready = queue.rx.unconsumed();
        if (!packet || !vif.rxNotify || !ready.ok || ready.value === 0) return;
        queue.rx.setReqEvent(queue.rx.reqCons + ready.value + vif.steps.buffersFor(vif, packet));
      },
    },
  },
  {
    id: 'backend.refills.last-waiting-first',
    breaks: 'RXW-20',
    fault: 'puts a packet for which there is no buffer before those that wait already',
    backend: {
      drainBacklog(vif, queue) {
        const ready = queue.rx.unconsumed();
        const newest = ready.ok && ready.value === 0 ? queue.backlog.pop() : undefined;
        if (newest) queue.backlog.unshift(newest);
        correct.drainBacklog(vif, queue);
      },
    },
  },
  {
    id: 'backend.refills.newest-first',
    breaks: 'RXW-20',
    fault: 'delivers the newest of the packets that wait for buffers first',
    backend: {
      drainBacklog(vif, queue) {
        const newest = queue.backlog.pop();
        if (newest) queue.backlog.unshift(newest);
        correct.drainBacklog(vif, queue);
      },
    },
  },
  {
    id: 'backend.refills.one-for-all',
    breaks: 'MQ-16',
    fault: 'delivers on no queue while packets wait for buffers of another',
    backend: {
      drainBacklog(vif, queue) {
        const isStuck = vif.queues.some((other) => other !== queue && other.backlog.length > 0);
        if (!isStuck) correct.drainBacklog(vif, queue);
      },
    },
  },
];
