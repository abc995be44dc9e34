import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import type { Defect } from '../defect.js';

export const BACKEND_BUFFERS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.buffers.wants-many',
    breaks: 'RXW-31',
    fault: 'delivers nothing unless 18 buffers are posted, however small the packet is',
    seen: 'Linux xen-netback before 3.13: max_required_rx_slots()',
    backend: { buffersFor: (vif, packet) => Math.max(18, correct.buffersFor(vif, packet)) },
  },
  {
    id: 'backend.buffers.forgets-the-starved',
    breaks: 'RXW-27',
    fault: 'never delivers again on a queue that ran out of buffers 20 times',
    backend: (() => {
      const starved = new WeakMap<object, number>();
      return {
        drainBacklog(vif, queue) {
          const ready = queue.rx.unconsumed();
          if (ready.ok && ready.value === 0) starved.set(queue, (starved.get(queue) ?? 0) + 1);
          if ((starved.get(queue) ?? 0) <= 20) correct.drainBacklog(vif, queue);
        },
      } satisfies Defect['backend'];
    })(),
  },
];
