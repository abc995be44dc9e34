/** Defects of the reference backend, chapter extras. */
import { decodeExtra, encodeExtra } from '../../../protocol/extra.js';
import { EXTRA_FLAG_MORE, EXTRA_TYPE, RSP, RXF, TXF } from '../../../protocol/netif.js';
import { slotOffset } from '../../../protocol/ring.js';
import { decodeRxRequest, encodeRxResponse, type RxRequest } from '../../../protocol/rx.js';
import { encodeTxResponse } from '../../../protocol/tx.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import { responsesTo } from '../../transmit-steps.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import type { Defect } from '../defect.js';
import { refuses } from '../support/backend.js';
import { diesOf } from '../support/mortal.js';

export const BACKEND_EXTRAS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.extras.more-of-first-alone',
    breaks: 'EXTRA-08',
    shownIn: 'backend.extras.three-types',
    fault: 'sets the more flag of the first of three extras alone',
    backend: {
      extras: (vif, packet) => correct.extras(vif, packet).map((extra, n) => (n > 0 ? { ...extra, flags: 0 } : extra)),
    },
  },
  {
    id: 'backend.extras.single-fragment-only',
    breaks: 'TXW-09',
    fault: 'refuses extras in a packet of several fragments',
    backend: refuses(({ extras, requests }) => extras.length > 0 && requests.length > 1),
  },
  {
    id: 'backend.extras.whole-slot',
    breaks: 'EXTRA-02',
    fault: 'refuses an extra whose unused slot bytes are set',
    backend: {
      takeChain(queue) {
        const { reqCons } = queue.tx;
        const chain = correct.takeChain(queue);
        const at = chain?.layout.indexOf(true) ?? -1;
        if (!chain || at < 0) return chain;
        const rest = queue.tx.page.copyOut(slotOffset(queue.tx.layout, reqCons + at) + 8, 4);
        return rest.every((byte) => byte === 0xff) ? { ...chain, fault: 'padding' } : chain;
      },
    },
  },
  {
    id: 'backend.extras.one-per-packet',
    breaks: 'EXTRA-05',
    fault: 'refuses a packet with two extras',
    seen: 'FreeBSD xnb: a packet with a second extra is discarded',
    backend: refuses(({ extras }) => extras.length > 1),
  },
  {
    id: 'backend.extras.reads-flags',
    breaks: 'EXTRA-11',
    fault: 'refuses an extra with undefined flags',
    backend: refuses(({ extras }) => extras.some(({ flags }) => flags > EXTRA_FLAG_MORE)),
  },
  {
    id: 'backend.extras.lost-on-two',
    breaks: 'EXTRA-07',
    fault: 'does not respond to a packet with two extras',
    backend: {
      serveChain(vif, queue, chain) {
        if (chain.extras.length < 2) correct.serveChain(vif, queue, chain);
      },
    },
  },
  {
    id: 'backend.extras.none-is-fine',
    breaks: 'TXW-29',
    fault: 'accepts an extra of type NONE',
    backend: {
      takeChain(queue) {
        const chain = correct.takeChain(queue);
        return chain?.layout.includes(true) && chain.extras.length === 0 ? { ...chain, fault: undefined } : chain;
      },
    },
  },
  {
    id: 'backend.extras.beyond-index',
    breaks: 'EXTRA-10',
    fault: 'treats a chain that runs past req_prod as a whole packet',
    backend: {
      serveTx(vif, queue) {
        correct.serveTx(vif, queue);
        const ready = queue.tx.unconsumed();
        if (!ready.ok || ready.value !== 2) return;
        const first = queue.tx.take();
        queue.tx.take();
        queue.tx.put(encodeTxResponse({ id: (first[8] ?? 0) | ((first[9] ?? 0) << 8), status: RSP.okay }));
        queue.tx.put(encodeTxResponse({ id: 0, status: RSP.null }));
        vif.steps.push(vif, queue.tx, queue.txPort);
      },
    },
  },
  {
    id: 'backend.extras.writes-buffer',
    breaks: 'RXW-19',
    fault: 'writes into the buffer of the request that an extra replaces',
    backend: {
      deliver(vif, queue, packet) {
        const index = queue.rx.reqCons + 1;
        const slot = queue.rx.page.copyOut(slotOffset(queue.rx.layout, index), 8);
        const ref = new DataView(slot.buffer).getUint32(4, true);
        if (vif.steps.extras(vif, packet).length > 0) {
          vif.domain.grants.copyTo([{ domain: queue.frontend, ref, offset: 100, bytes: new Uint8Array(4) }]);
        }
        correct.deliver(vif, queue, packet);
      },
    },
  },
  {
    id: 'backend.extras.at-the-end',
    breaks: 'EXTRA-01',
    fault: 'looks for the extras of a packet after its last fragment',
    backend: {
      takeChain(queue) {
        const chain = correct.takeChain(queue);
        const isAtEnd = chain?.layout.at(-1) === true;
        return !chain || chain.extras.length === 0 || isAtEnd ? chain : { ...chain, fault: 'no extra at the end' };
      },
    },
  },
  {
    id: 'backend.extras.sends-none',
    breaks: 'EXTRA-03',
    fault: 'sends the GSO extra with the type NONE',
    backend: {
      fillExtra(queue, extra) {
        if (extra.type !== 'gso') return correct.fillExtra(queue, extra);
        queue.rx.take();
        queue.rx.put(Uint8Array.of(EXTRA_TYPE.none, ...encodeExtra(extra).subarray(1)));
      },
    },
  },
  {
    id: 'backend.extras.layout-of-first',
    breaks: 'EXTRA-04',
    fault: 'reads the second extra of a chain by the layout of the first',
    backend: {
      takeChain(queue) {
        const { reqCons } = queue.tx;
        const chain = correct.takeChain(queue);
        const [first] = chain?.extras ?? [];
        if (!chain || !first || chain.extras.length !== 2) return chain;
        const slot = queue.tx.page.copyOut(slotOffset(queue.tx.layout, reqCons + 2), 8);
        slot[0] = encodeExtra(first)[0] ?? 0;
        const second = decodeExtra(slot);
        return { ...chain, extras: second.ok ? [first, second.value] : [first] };
      },
    },
  },
  {
    id: 'backend.extras.two-requests',
    breaks: 'RXW-04',
    fault: 'consumes two requests for a GSO extra and responds to the first of them without data',
    backend: {
      fillExtra(queue, extra) {
        if (extra.type !== 'gso') return correct.fillExtra(queue, extra);
        const request = decodeRxRequest(queue.rx.take());
        if (request.ok) queue.rx.put(encodeRxResponse({ id: request.value.id, offset: 0, flags: 0, status: 0 }));
        correct.fillExtra(queue, extra);
      },
    },
  },
  {
    id: 'backend.extras.keeps-request',
    breaks: 'EXTRA-06',
    fault: 'puts a GSO extra into a slot and uses the request that was there for the next fragment',
    backend: (() => {
      const owed = new WeakMap<object, RxRequest>();
      return {
        fillExtra(queue, extra) {
          if (extra.type !== 'gso') return correct.fillExtra(queue, extra);
          const request = decodeRxRequest(queue.rx.take());
          if (request.ok) owed.set(queue, request.value);
          queue.rx.put(encodeExtra(extra));
        },
        fill(vif, queue, request, piece, flags) {
          const earlier = owed.get(queue);
          if (earlier) owed.set(queue, request);
          correct.fill(vif, queue, earlier ?? request, piece, flags);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.extras.always-more',
    breaks: 'EXTRA-08',
    fault: 'sets the more flag on the only extra of a packet',
    backend: {
      fillExtra: (queue, extra) =>
        correct.fillExtra(queue, extra.type === 'gso' ? { ...extra, flags: EXTRA_FLAG_MORE } : extra),
    },
  },
  {
    id: 'backend.extras.okay-for-extra',
    breaks: 'TXW-12',
    fault: 'responds to the slot of a GSO extra with OKAY',
    backend: {
      respond(vif, queue, chain, status) {
        if (!chain.extras.some(({ type }) => type === 'gso')) return correct.respond(vif, queue, chain, status);
        for (const response of responsesTo(chain, status)) {
          const isExtra = response.status === RSP.null;
          queue.tx.put(encodeTxResponse(isExtra ? { id: 0, status: RSP.okay } : response));
        }
        vif.steps.push(vif, queue.tx, queue.txPort);
      },
    },
  },
  {
    id: 'backend.extras.flag-again',
    breaks: 'RXW-09',
    fault: 'repeats extra_info on the later fragments of a packet',
    backend: {
      fill: (vif, queue, request, piece, flags) =>
        correct.fill(vif, queue, request, piece, piece.length > 1600 ? flags | RXF.extraInfo : flags),
    },
  },
  {
    id: 'backend.extras.unknown-skipped',
    breaks: 'TXW-29',
    fault: 'skips an extra of unknown type next to a GSO extra and sends the packet',
    backend: {
      takeChain(queue) {
        const chain = correct.takeChain(queue);
        const count = chain?.layout.filter(Boolean).length ?? 0;
        const isMixed = chain?.extras.length === 1 && chain.extras[0]?.type === 'gso' && count === 2;
        return chain && isMixed ? { ...chain, fault: undefined } : chain;
      },
    },
  },
  {
    id: 'backend.extras.lost-on-many',
    breaks: 'EXTRA-07',
    fault: 'does not respond to a packet with more than two extras',
    backend: {
      serveChain(vif, queue, chain) {
        if (chain.extras.length <= 2) correct.serveChain(vif, queue, chain);
      },
    },
  },
  {
    id: 'backend.extras.dies-of-many',
    breaks: 'ROB-01',
    fault: 'stops serving every vif at a packet with more than eight extras',
    backend: diesOf(({ extras }) => extras.length > 8),
  },
  {
    id: 'backend.extras.dies-of-missing',
    breaks: 'ROB-01',
    fault: 'stops serving every vif at an extra that it cannot decode',
    backend: diesOf(({ extras, layout }) => layout.filter(Boolean).length > extras.length),
  },
  {
    id: 'backend.extras.dies-of-late-flag',
    breaks: 'ROB-01',
    fault: 'stops serving every vif at extra_info on a later fragment',
    backend: diesOf(({ requests }) => requests.slice(1).some(({ flags }) => (flags & TXF.extraInfo) !== 0)),
  },
  {
    id: 'backend.extras.two-at-most',
    breaks: 'HASH-37',
    fault: 'leaves out the GSO extra of a packet with a HASH and an XDP extra',
    backend: {
      extras(vif, packet) {
        const extras = correct.extras(vif, packet);
        return extras.length < 3 ? extras : extras.filter(({ type }) => type !== 'gso');
      },
    },
  },
  {
    id: 'backend.extras.reads-gso-twice',
    breaks: 'RING-12',
    fault: 'checks a GSO extra and then reads it from the ring again',
    seen: 'XSA-155: backends that read a request twice',
    backend: {
      takeChain(queue) {
        const { reqCons } = queue.tx;
        const chain = correct.takeChain(queue);
        if (!chain?.extras.some(({ type }) => type === 'gso')) return chain;
        const slots = chain.layout.flatMap((isExtra, n) => (isExtra ? [reqCons + n] : []));
        const again = slots.map((at) => decodeExtra(queue.tx.page.copyOut(slotOffset(queue.tx.layout, at), 8)));
        return { ...chain, extras: again.flatMap((extra) => (extra.ok ? [extra.value] : [])) };
      },
    },
  },
  {
    id: 'backend.extras.at-most-two',
    breaks: 'EXTRA-07',
    fault: 'refuses a packet with three extras',
    backend: refuses(({ extras }) => extras.length > 2),
  },
  {
    id: 'backend.extras.size-of-all-in-first',
    breaks: 'TXW-02',
    fault:
      'reads as many bytes from the first fragment as its page holds, up to the size of the packet, if there is an extra',
    backend: {
      fetch(vif, queue, chain) {
        const [first, ...later] = chain.requests;
        if (!first || chain.extras.length === 0 || later.length === 0) return correct.fetch(vif, queue, chain);
        const rest = later.reduce((sum, { size }) => sum + size, 0);
        const size = Math.min(first.size, PAGE_SIZE - first.offset) + rest;
        return correct.fetch(vif, queue, { ...chain, requests: [{ ...first, size }, ...later] });
      },
    },
  },
  {
    id: 'backend.extras.sixteen-and-two',
    breaks: 'SLOT-01',
    fault: 'refuses a packet of 18 slots of which two are extras',
    backend: refuses(({ extras, layout }) => extras.length > 1 && layout.length > 17),
  },
];
