/** Defects of the reference backend, chapter wakeups. */
import { decoded } from '../../../bytes/codec.js';
import { RSP } from '../../../protocol/netif.js';
import { advance, RING_OFFSET, RX_RING } from '../../../protocol/ring.js';
import type { BackRing } from '../../../protocol/shared-ring.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import type { Defect } from '../defect.js';
import { pushByOldIndex } from '../support/indices.js';

/** Looks for requests before it asks for an event, and not after it. */
function checkTooEarly(ring: BackRing): void {
  ring.finalCheck = () => {
    const found = ring.unconsumed();
    ring.setReqEvent(advance(ring.reqCons, 1));
    return found.ok ? decoded(found.value > 0) : found;
  };
}

/** Counts the requests before it asks for an event, and uses that number after it. */
function countTooEarly(ring: BackRing): void {
  let earlier: ReturnType<BackRing['unconsumed']> | undefined;
  const [ask, count] = [ring.setReqEvent.bind(ring), ring.unconsumed.bind(ring)];
  ring.setReqEvent = (index) => {
    earlier = count();
    ask(index);
  };
  ring.unconsumed = () => {
    const found = earlier ?? count();
    earlier = undefined;
    return found;
  };
}

export const BACKEND_WAKEUPS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.wakeups.reads-after-response',
    breaks: 'TXW-15',
    shownIn: 'backend.wakeups.after-response',
    fault: 'responds to a packet before it copies the data',
    backend: {
      serveChain(vif, queue, chain) {
        if (chain.extras.length > 0 || chain.fault !== undefined) return correct.serveChain(vif, queue, chain);
        vif.steps.respond(vif, queue, chain, RSP.okay);
        const frame = correct.fetch(vif, queue, chain);
        if (frame) correct.accept(vif, queue, { frame, csumBlank: false });
      },
    },
  },
  {
    id: 'backend.wakeups.checks-too-early',
    breaks: 'NOTIFY-04',
    fault: 'looks for requests before it asks for an event, and not after it',
    backend: {
      attach(ring) {
        correct.attach(ring);
        checkTooEarly(ring);
      },
    },
  },
  {
    id: 'backend.wakeups.counts-buffers-too-early',
    breaks: 'NOTIFY-04',
    raceIn: 'backend.wakeups.final-check-rx',
    fault: 'counts the rx buffers before it asks for an event, and not after it',
    backend: {
      attach(ring) {
        correct.attach(ring);
        if (ring.layout === RX_RING) countTooEarly(ring);
      },
    },
  },
  {
    id: 'backend.wakeups.checks-control-too-early',
    breaks: 'NOTIFY-04',
    fault: 'looks for control requests before it asks for an event, and not after it',
    backend: {
      openControl(vif, ...options) {
        correct.openControl(vif, ...options);
        if (vif.control) checkTooEarly(vif.control.ring);
      },
    },
  },
  {
    id: 'backend.wakeups.reads-index-too-early',
    breaks: 'NOTIFY-03',
    fault: 'reads the event index of the frontend before it publishes its responses',
    backend: {
      push(vif, ring, port) {
        if (pushByOldIndex(ring, RING_OFFSET.rspProd, RING_OFFSET.rspEvent)) vif.domain.events.notify(port);
      },
    },
  },
];
