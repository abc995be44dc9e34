/** Defects of the reference backend, chapter metadata. */
import { GSO_TYPE, KEY, RSP, TXF } from '../../../protocol/netif.js';
import type { ExtraGso } from '../../../protocol/extra.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import type { BackendQueueState, BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { fit } from '../../packet.js';
import type { TxChain } from '../../transmit-steps.js';
import type { Defect } from '../defect.js';
import { isRefused } from '../support/backend.js';

/** A packet with other flags in its first slot. */
function flagged(chain: TxChain, change: (flags: number) => number): TxChain {
  const [first, ...later] = chain.requests;
  return first ? { ...chain, requests: [{ ...first, flags: change(first.flags) }, ...later] } : chain;
}

/** Keeps something of each refused packet for the next packet that is not. */
function keeping<T>(
  of: (chain: TxChain) => T | undefined,
  give: (chain: TxChain, kept: T) => TxChain,
): Partial<BackendSteps> {
  const kept = new WeakMap<BackendQueueState, { readonly left: T }>();
  return {
    serveChain(vif, queue, chain) {
      const left = of(chain);
      if (isRefused(vif, queue, chain)) {
        if (left !== undefined) kept.set(queue, { left });
        return correct.serveChain(vif, queue, chain);
      }
      const before = kept.get(queue);
      kept.delete(queue);
      correct.serveChain(vif, queue, before ? give(chain, before.left) : chain);
    },
  };
}

/** Reads the frontend's features and then changes them. */
const readsFeatures = (change: (vif: BackendVif) => void): Partial<BackendSteps> => ({
  async readFeatures(vif) {
    await correct.readFeatures(vif);
    change(vif);
  },
});

export const BACKEND_METADATA_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.metadata.gso-of-refused',
    breaks: 'GSO-05',
    fault: 'describes the packet after a refused large one by the extra of that one',
    backend: keeping<ExtraGso>(
      ({ extras }) => extras.find((extra) => extra.type === 'gso'),
      (chain, gso) => (chain.extras.length > 0 ? chain : { ...chain, extras: [gso] }),
    ),
  },
  {
    id: 'backend.metadata.blank-of-refused',
    breaks: 'CSUM-10',
    fault: 'treats the packet after a refused one with csum_blank as if it had csum_blank',
    backend: keeping(
      ({ requests }) => (requests[0]?.flags ?? 0) & TXF.csumBlank || undefined,
      (chain) => flagged(chain, (flags) => flags | TXF.csumBlank),
    ),
  },
  {
    id: 'backend.metadata.forwards-first-part',
    breaks: 'TXW-14',
    fault: 'forwards the first fragment of a packet whose second one it refuses',
    backend: {
      serveChain(vif, queue, chain) {
        const [first, ...later] = chain.requests;
        if (!first || later.length !== 1 || chain.extras.length > 0 || !isRefused(vif, queue, chain))
          return correct.serveChain(vif, queue, chain);
        vif.steps.respond(vif, queue, chain, RSP.error);
        const size = first.size - (later[0]?.size ?? 0);
        const fits = size > 0 && first.offset + size <= PAGE_SIZE;
        const part = fits ? vif.steps.fetch(vif, queue, { ...chain, requests: [{ ...first, size }] }) : undefined;
        if (part) vif.steps.accept(vif, queue, { frame: part, csumBlank: false });
      },
    },
  },
  {
    id: 'backend.metadata.flags-of-last-slot',
    breaks: 'CSUM-06',
    fault: 'reads csum_blank from the last slot of a packet',
    backend: {
      serveChain(vif, queue, chain) {
        const isLong = chain.requests.length > 1 && chain.extras.length === 0;
        correct.serveChain(vif, queue, isLong ? flagged(chain, (flags) => flags & ~TXF.csumBlank) : chain);
      },
    },
  },
  {
    id: 'backend.metadata.type-of-frontend',
    breaks: 'GSO-05',
    fault: 'describes large packets as IPv6 to every frontend that accepts large IPv6 packets',
    backend: {
      extras: (vif, packet) =>
        correct
          .extras(vif, packet)
          .map((extra) =>
            extra.type === 'gso' && vif.offers[KEY.featureGsoTcpv6] ? { ...extra, gsoType: GSO_TYPE.tcpv6 } : extra,
          ),
    },
  },
  {
    id: 'backend.metadata.features-of-latest',
    breaks: 'GSO-01',
    fault: 'sends packets as the frontend that connected last accepts them',
    backend: (() => {
      let latest: Readonly<Record<string, boolean>> = {};
      return {
        ...readsFeatures((vif) => (latest = vif.offers)),
        fitting: (_, packet) => fit(packet, latest),
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.metadata.opt-out-with-sg',
    breaks: 'CSUM-02',
    fault: 'ignores feature-no-csum-offload of a frontend without feature-sg',
    backend: readsFeatures(({ offers }) => {
      if (!offers[KEY.featureSg]) offers[KEY.featureNoCsumOffload] = false;
    }),
  },
  {
    id: 'backend.metadata.gso-means-offload',
    breaks: 'CSUM-04',
    fault: 'treats feature-gso-tcpv6 as if it included feature-ipv6-csum-offload',
    backend: readsFeatures(({ offers }) => {
      if (offers[KEY.featureGsoTcpv6]) offers[KEY.featureIpv6CsumOffload] = true;
    }),
  },
];
