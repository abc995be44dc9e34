/** Defects of the reference backend, chapter refusals. */
import { RSP } from '../../../protocol/netif.js';
import { encodeRxResponse } from '../../../protocol/rx.js';
import { type Mapping, XenError } from '../../../xen/domain.js';
import { concat } from '../../../bytes/bytes.js';
import type { TxChain } from '../../transmit-steps.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import type { Defect } from '../defect.js';
import { endingAtError, isUnwritable } from '../support/backend.js';

export const BACKEND_REFUSALS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.refusals.checks-five',
    breaks: 'TXW-28',
    fault: 'ignores the status of the copy of the sixth fragment of a packet and of later ones',
    backend: {
      fetch(vif, queue, chain) {
        const frame = correct.fetch(vif, queue, chain);
        if (frame || chain.requests.length <= 5) return frame;
        const [first, ...rest] = chain.requests.slice(0, 5);
        if (!first) return undefined;
        const later = chain.requests.slice(5).reduce((sum, { size }) => sum + size, 0);
        const start = correct.fetch(vif, queue, {
          ...chain,
          requests: [{ ...first, size: first.size - later }, ...rest],
        });
        return start && Uint8Array.from([...start, ...new Uint8Array(later)]);
      },
    },
  },
  {
    id: 'backend.refusals.appends-next',
    breaks: 'TXW-14',
    fault: 'appends a packet to the one before it if it has refused a later slot of that',
    seen: 'NetBSD xennetback_xenbus.c 1.108, xennetback_tx_check_packet: m0 stays set',
    backend: (() => {
      const begun = new WeakMap<object, Uint8Array>();
      const refused = (queue: object, { requests }: TxChain): void => {
        const [first, ...rest] = requests;
        const later = rest.reduce((sum, { size }) => sum + size, 0);
        if (first && rest.length > 0) begun.set(queue, new Uint8Array(Math.max(0, first.size - later)));
      };
      return {
        serveChain(vif, queue, chain) {
          if (chain.fault !== undefined) refused(queue, chain);
          correct.serveChain(vif, queue, chain);
        },
        fetch(vif, queue, chain) {
          const frame = correct.fetch(vif, queue, chain);
          const start = begun.get(queue);
          begun.delete(queue);
          if (!frame) refused(queue, chain);
          return frame && start ? concat(start, frame) : frame;
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.refusals.leaks-good-pages',
    breaks: 'GNT-08',
    fault: 'maps the pages of a packet one by one and, at an invalid grant, leaves those mapped that it has',
    backend: {
      fetch(vif, queue, chain) {
        const frame = correct.fetch(vif, queue, chain);
        if (frame || chain.requests.length === 1) return frame;
        const mappings: Mapping[] = [];
        try {
          for (const { gref } of chain.requests)
            mappings.push(vif.domain.grants.map(queue.frontend, [gref], 'read-only'));
        } catch (error) {
          if (!(error instanceof XenError)) throw error;
        }
        return undefined;
      },
    },
  },
  {
    id: 'backend.refusals.ends-at-error',
    breaks: 'RXW-09',
    fault: 'clears more_data in the response to a buffer that it may not write, and delivers the rest of the packet',
    backend: endingAtError(() => true),
  },
  {
    id: 'backend.refusals.gives-up-buffers',
    breaks: 'GNT-10',
    fault: 'delivers nothing after 30 buffers that it may not write',
    backend: (() => {
      const bad = new WeakMap<object, number>();
      return {
        drainBacklog(vif, queue) {
          if ((bad.get(queue) ?? 0) < 30) correct.drainBacklog(vif, queue);
        },
        fill(vif, queue, request, piece, flags) {
          if (isUnwritable(vif, queue, request)) bad.set(queue, (bad.get(queue) ?? 0) + 1);
          correct.fill(vif, queue, request, piece, flags);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.refusals.last-unchecked',
    breaks: 'GNT-10',
    fault: 'reports the last buffer of a packet of several as filled, although it may not write that buffer',
    backend: {
      fill(vif, queue, request, piece, flags) {
        const isLast = flags === 0 && piece.length > 1518;
        if (!isLast || !isUnwritable(vif, queue, request)) return correct.fill(vif, queue, request, piece, flags);
        queue.rx.put(encodeRxResponse({ id: request.id, offset: 0, flags, status: piece.length }));
      },
    },
  },
  {
    id: 'backend.refusals.sleeps-after-bad',
    breaks: 'NOTIFY-04',
    fault:
      'goes to sleep after a packet that it refuses, without a look at those after it and without asking for an event',
    backend: (() => {
      const asleep = new WeakSet<object>();
      return {
        serveTx(vif, queue) {
          asleep.delete(queue);
          const { reqEvent } = queue.tx.indices();
          correct.serveTx(vif, queue);
          if (asleep.has(queue)) queue.tx.setReqEvent(reqEvent);
        },
        takeChain: (queue) => (asleep.has(queue) ? undefined : correct.takeChain(queue)),
        serveChain(vif, queue, chain) {
          correct.serveChain(vif, queue, chain);
          if (chain.fault !== undefined) asleep.add(queue);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.refusals.first-slot-alone',
    breaks: 'RING-09',
    fault: 'responds to the first slot alone of a packet with a GSO extra that cannot be read',
    backend: {
      respond(vif, queue, chain, status) {
        const hasGso = chain.extras.some(({ type }) => type === 'gso');
        const isShort = status === RSP.error && chain.fault === undefined && hasGso;
        correct.respond(vif, queue, isShort ? { ...chain, layout: chain.layout.slice(0, 1) } : chain, status);
      },
    },
  },
];
