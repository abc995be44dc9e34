/** Defects of plain traffic of the reference backend: sizes, offsets, ids, order, buffers and checksums. */
import { ETHERNET_HEADER } from '../../packet/ethernet.js';
import { TXF } from '../../protocol/netif.js';
import { PAGE_SIZE } from '../../xen/domain.js';
import { BACKEND_STEPS as backend, type BackendSteps } from '../backend-steps.js';
import type { VifPacket } from '../packet.js';
import type { Defect } from './defect.js';
import { isComplete, isPing, lastFirst } from './packets.js';

const drops = (strange: (packet: VifPacket) => boolean): Partial<BackendSteps> => ({
  accept(vif, queue, packet) {
    if (!strange(packet)) backend.accept(vif, queue, packet);
  },
});

const STALLED = { ok: false, reason: 'stalled' } as const;

export const BACKEND_TRAFFIC_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.transmit.smallest-mtu',
    breaks: 'TXW-31',
    fault: 'drops pings of more than the smallest MTU',
    backend: drops(({ frame }) => isPing(frame) && frame.length >= 576 + ETHERNET_HEADER),
  },
  {
    id: 'backend.transmit.runts',
    breaks: 'TXW-31',
    fault: 'takes pings of less than 64 bytes for runts',
    backend: drops(({ frame }) => isPing(frame) && frame.length < 64),
  },
  {
    id: 'backend.transmit.ignores-offset',
    breaks: 'TXW-31',
    fault: "looks for large frames at their page's start",
    seen: 'mirage-net-xen before 2.1.4: the fields of a tx request were read wrong',
    backend: {
      fetch(vif, queue, chain) {
        const requests = chain.requests.map((each) => (each.size > 1000 ? { ...each, offset: 0 } : each));
        return backend.fetch(vif, queue, { ...chain, requests });
      },
    },
  },
  {
    id: 'backend.transmit.header-only',
    breaks: 'TXW-34',
    fault: 'refuses a frame that has no payload',
    backend: {
      takeChain(queue) {
        const chain = backend.takeChain(queue);
        return chain?.requests[0]?.size === ETHERNET_HEADER ? { ...chain, fault: 'empty' } : chain;
      },
    },
  },
  {
    id: 'backend.transmit.special-ids',
    breaks: 'TXW-10',
    fault: 'takes the ids 0 and 255 for none, but for the first of a ring',
    backend: {
      respond(vif, queue, chain, status) {
        const special = (id: number): boolean => id === 255 || (id === 0 && queue.tx.rspProdPvt > 0);
        const requests = chain.requests.map((each) => (special(each.id) ? { ...each, id: 0xffff } : each));
        backend.respond(vif, queue, { ...chain, requests }, status);
      },
    },
  },
  {
    id: 'backend.transmit.cuts-at-page',
    breaks: 'TXW-05',
    fault: 'cuts a fragment that crosses its page, and sends the rest on',
    seen: 'illumos xnb: offset and size are not checked against the page',
    backend: {
      takeChain(queue) {
        const chain = backend.takeChain(queue);
        if (!chain?.fault?.includes('crosses')) return chain;
        const requests = chain.requests.map((each) => ({
          ...each,
          size: Math.min(each.size, PAGE_SIZE - each.offset),
        }));
        return { ...chain, requests, fault: undefined };
      },
    },
  },
  {
    id: 'backend.receive.short-count',
    breaks: 'RXW-05',
    fault: 'counts a byte less than a ping has',
    backend: {
      fill: (vif, queue, request, piece, flags) =>
        backend.fill(vif, queue, request, isPing(piece) ? piece.slice(0, -1) : piece, flags),
    },
  },
  {
    id: 'backend.checksum.wants-blank',
    breaks: 'CSUM-10',
    fault: 'drops TCP whose checksum is complete',
    backend: drops(isComplete),
  },
  {
    id: 'backend.checksum.refuses-validated',
    breaks: 'CSUM-08',
    fault: 'refuses data_validated without csum_blank',
    backend: {
      takeChain(queue) {
        const chain = backend.takeChain(queue);
        const flags = (chain?.requests[0]?.flags ?? 0) & (TXF.dataValidated | TXF.csumBlank);
        return chain && flags === TXF.dataValidated ? { ...chain, fault: 'validated' } : chain;
      },
    },
  },
  {
    id: 'backend.transmit.last-first',
    breaks: 'TXW-30',
    fault: 'sends every fifth ping after the one behind it, where one waits there',
    backend: lastFirst<Parameters<BackendSteps['accept']>>(
      (...args) => backend.accept(...args),
      (queue) => queue.tx.unconsumed(),
    ),
  },
  {
    id: 'backend.transmit.unknown-flags',
    breaks: 'TXW-22',
    fault: 'refuses a request with a flag that is not defined',
    backend: {
      takeChain(queue) {
        const chain = backend.takeChain(queue);
        return (chain?.requests[0]?.flags ?? 0) > 0xf && chain ? { ...chain, fault: 'flags' } : chain;
      },
    },
  },
  {
    id: 'backend.transmit.writes',
    breaks: 'TXW-24',
    fault: 'takes packets of more than a header only from pages that it may write',
    backend: {
      fetch(vif, queue, chain) {
        const [first] = chain.requests;
        if (!first || first.size < 60) return backend.fetch(vif, queue, chain);
        const { gref: ref, offset } = first;
        const segment = { domain: queue.frontend, ref, offset, bytes: new Uint8Array(1) };
        return vif.domain.grants.copyTo([segment])[0] === 0 ? backend.fetch(vif, queue, chain) : undefined;
      },
    },
  },
  {
    id: 'backend.transmit.keeps-page',
    breaks: 'TXW-15',
    fault: 'keeps the page of every packet of a vif mapped until the vif closes',
    seen: 'Linux xen-netback before 99e87f56b48f: grants stayed mapped',
    backend: (() => {
      const kept = new WeakMap<object, { unmap(): void }[]>();
      return {
        fetch(vif, queue, chain) {
          const frame = backend.fetch(vif, queue, chain);
          const [first] = chain.requests;
          const pages = kept.get(vif) ?? [];
          kept.set(vif, pages);
          if (frame && first && pages.length < 64)
            pages.push(vif.domain.grants.map(queue.frontend, [first.gref], 'read-only'));
          return frame;
        },
        disconnect(vif) {
          for (const page of kept.get(vif)?.splice(0) ?? []) page.unmap();
          backend.disconnect(vif);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.receive.byte-id',
    breaks: 'RXW-26',
    fault: 'keeps fifteen bits of an id',
    backend: {
      fill: (vif, queue, request, piece, flags) =>
        backend.fill(vif, queue, { ...request, id: request.id & 0x7fff }, piece, flags),
    },
  },
  {
    id: 'backend.receive.full-is-too-much',
    breaks: 'RING-01',
    fault: 'takes a full ring of buffers for an overflow',
    backend: {
      drainBacklog(vif, queue) {
        const ready = queue.rx.unconsumed();
        const [next] = queue.backlog;
        const full = ready.ok && ready.value === queue.rx.layout.size;
        if (!full || !next || !isPing(next.frame)) backend.drainBacklog(vif, queue);
      },
    },
  },
  {
    id: 'backend.receive.starves',
    breaks: 'RXW-27',
    fault: 'delivers nothing any more once a frontend had no buffers',
    seen: 'Linux xen-netback after eb1723a29b9a: req_event was not set for an empty queue, and the vif stalled',
    backend: {
      drainBacklog(vif, queue) {
        const ready = queue.rx.unconsumed();
        if (ready.ok && ready.value === 0 && queue.backlog.length > 4) queue.rx.unconsumed = () => STALLED;
        backend.drainBacklog(vif, queue);
      },
    },
  },
];
