/** Defects that were real: of packets in several slots, of extras and offsets, and of the ends of connections. */
import { KEY, RXF } from '../../protocol/netif.js';
import { decodeRxResponse } from '../../protocol/rx.js';
import { BACKEND_STEPS as backend, type BackendSteps } from '../backend-steps.js';
import { readOther } from '../bus.js';
import { FRONTEND_STEPS as frontend, type FrontendSteps } from '../frontend-steps.js';
import type { TxChain } from '../transmit-steps.js';
import type { Defect } from './defect.js';

/** A backend that stops serving a queue on which such a packet comes. */
const stallsAt = (fatal: (chain: TxChain) => boolean): Partial<BackendSteps> => ({
  takeChain(queue) {
    const chain = backend.takeChain(queue);
    if (!chain || !fatal(chain)) return chain;
    queue.tx.unconsumed = () => ({ ok: false, reason: 'fatal' });
    return { ...chain, fault: 'fatal' };
  },
});

/** Bytes of a packet in its first slot, whose size is that of the whole. */
const firstLength = ({ requests: [first, ...rest] }: TxChain): number =>
  (first?.size ?? 0) - rest.reduce((sum, { size }) => sum + size, 0);

/** A frontend that leaves the backend's state alone where `ignored` says so. */
const ignores = (ignored: (state: string | undefined, own: string | undefined) => boolean): Partial<FrontendSteps> => ({
  async backendChanged(vif) {
    const state = await readOther(vif.domain.store, `${vif.backendPath}/state`);
    const own = await vif.domain.store.read(`${vif.path}/state`);
    if (!ignored(state, own)) await frontend.backendChanged(vif);
  },
});

export const REAL_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.transmit.dies-of-empty',
    breaks: 'TXW-26',
    fault: 'stops at a fragment of no bytes',
    seen: 'XSA-448 (CVE-2023-46838): Linux xen-netback, a fragment of size 0',
    backend: stallsAt(({ requests }) => requests.slice(1).some(({ size }) => size === 0)),
  },
  {
    id: 'backend.transmit.dies-of-small-slots',
    breaks: 'SLOT-05',
    fault: 'stops at a packet of 18 slots with next to nothing in them',
    seen: 'XSA-432 (CVE-2023-34319): Linux xen-netback, a buffer too small for so many slots',
    backend: stallsAt(({ requests }) => requests.length >= 18 && (requests[0]?.size ?? 0) < 128),
  },
  {
    id: 'backend.transmit.header-in-pieces',
    breaks: 'SLOT-06',
    fault: 'loses packets whose first slot ends in the headers',
    seen: 'XSA-423 (CVE-2022-3643): Linux xen-netback left headers in fragments',
    backend: {
      fetch: (vif, queue, chain) =>
        chain.requests.length > 1 && firstLength(chain) < 34 ? undefined : backend.fetch(vif, queue, chain),
    },
  },
  {
    id: 'backend.transmit.first-status-only',
    breaks: 'TXW-28',
    fault: 'answers OKAY where only a later fragment could not be read',
    seen: 'Linux xen-netback before "correct success/error reporting for the SKB-with-fraglist case"',
    backend: {
      fetch(vif, queue, chain) {
        const frame = backend.fetch(vif, queue, chain);
        const [first] = chain.requests;
        if (frame || !first || chain.requests.length === 1) return frame;
        const alone = { ...first, size: firstLength(chain) };
        return backend.fetch(vif, queue, { ...chain, requests: [alone] });
      },
    },
  },
  {
    id: 'frontend.receive.small-offsets',
    breaks: 'RXW-08',
    fault: 'drops packets that begin far into their buffer',
    seen: 'Linux xen-netfront (2.6, 107808a452): offsets beyond some range were rejected',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const response = decodeRxResponse(bytes);
        if (queue.expect !== 'extra' && response.ok && response.value.offset > 1024) queue.partial.bad = true;
        return frontend.takeRxSlot(queue, index, bytes);
      },
    },
  },
  {
    id: 'frontend.receive.extras-as-data',
    breaks: 'RXW-10',
    fault: 'takes extras for data',
    seen: 'OpenBSD xnf: extras are taken for data',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const copy = Uint8Array.from(bytes);
        copy[4] = (copy[4] ?? 0) & ~RXF.extraInfo;
        return frontend.takeRxSlot(queue, index, copy);
      },
    },
  },
  {
    id: 'frontend.trust.old-packets',
    breaks: 'TRUST-01',
    fault: 'leaves the packet before it behind a packet in its page',
    seen: 'mirage-net-xen before 9581918 and 8319f6c: buffers of a pool were not cleared',
    frontend: (() => {
      const before = new WeakMap<object, Uint8Array>();
      return {
        buffer(vif, queue, bytes) {
          const offer = frontend.buffer(vif, queue, bytes);
          offer.page.copyIn(2048, (before.get(queue) ?? new Uint8Array()).subarray(0, 1500));
          before.set(queue, Uint8Array.from(bytes));
          return offer;
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.queues.directory-for-one',
    breaks: 'MQ-06',
    fault: 'makes a queue-0 for its only queue',
    seen: 'win-xenvif before d53d093 and 16002b8',
    frontend: {
      async connect(vif) {
        await frontend.connect(vif);
        const [only, second] = vif.queues;
        if (!only || second) return;
        await vif.domain.store.write(`${vif.path}/queue-0/${KEY.eventChannel}`, String(only.rxPort));
      },
    },
  },
  {
    id: 'frontend.xenbus.waits-for-closing',
    breaks: 'XB-15',
    fault: 'waits for Closing when the backend is Closed already',
    seen: 'Linux xen-netfront before c2c633106453',
    frontend: ignores((state, own) => state === '6' && own === '4'),
  },
];
