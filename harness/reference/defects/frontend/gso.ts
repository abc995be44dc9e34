/** Defects of the reference frontend, chapter gso. */
import { encodeExtra, type ExtraGso } from '../../../protocol/extra.js';
import { EXTRA_FLAG_MORE, GSO_TYPE, KEY, RSP, RXF, TXF } from '../../../protocol/netif.js';
import { decodeRxResponse } from '../../../protocol/rx.js';
import { completeChecksum } from '../../../packet/offload.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendQueueState } from '../../frontend.js';
import type { Defect } from '../defect.js';
import { drops } from '../support/frontend.js';
import { Counts } from '../support/counts.js';
import { mortalFrontend } from '../support/mortal.js';

/** Changes the GSO extras that are sent. */
const sendsGso = (change: (extra: ExtraGso) => Partial<ExtraGso>): Partial<FrontendSteps> => ({
  putGso(queue, { size, type }) {
    const extra: ExtraGso = { type: 'gso', flags: 0, size, gsoType: type, pad: 0, features: 0 };
    queue.tx.put(encodeExtra({ ...extra, ...change(extra) }));
  },
});

/** Writes a slot of a tx ring whether or not it is free; the reference ring would refuse the request. */
function asIfFree({ tx }: FrontendQueueState, put: () => void): void {
  const { rspCons } = tx;
  if (tx.free() <= 0) tx.rspCons = tx.reqProdPvt;
  put();
  tx.rspCons = rspCons;
}

export const FRONTEND_GSO_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.gso.remainder-first',
    breaks: 'TXW-35',
    fault: 'puts what exceeds whole pages into the first fragment',
    seen: 'Linux xen-netfront before ca26893f05e8',
    frontend: {
      fragments(vif, length) {
        const rest = length % PAGE_SIZE;
        if (length <= PAGE_SIZE || rest === 0) return correct.fragments(vif, length);
        return [rest, ...Array.from({ length: Math.floor(length / PAGE_SIZE) }, () => PAGE_SIZE)];
      },
    },
  },
  {
    id: 'frontend.gso.ipv4-key-for-ipv6',
    breaks: 'GSO-01',
    fault: 'sends large IPv6 packets to a backend with feature-gso-tcpv4 and without feature-gso-tcpv6',
    frontend: {
      fitting: (vif, packet) =>
        packet.gso?.type === GSO_TYPE.tcpv6 && vif.offers[KEY.featureGsoTcpv4] && vif.offers[KEY.featureIpv6CsumOffload]
          ? [packet]
          : correct.fitting(vif, packet),
    },
  },
  {
    id: 'frontend.gso.uncut-ipv6',
    breaks: 'GSO-13',
    fault: 'sends a large IPv6 packet in one piece and without an extra to a backend without feature-gso-tcpv6',
    frontend: {
      fitting(vif, packet) {
        if (packet.gso?.type !== GSO_TYPE.tcpv6 || vif.offers[KEY.featureGsoTcpv6]) return correct.fitting(vif, packet);
        return [{ frame: completeChecksum(packet.frame), csumBlank: false }];
      },
    },
  },
  {
    id: 'frontend.gso.loses-buffers',
    breaks: 'RXW-11',
    fault: 'posts no buffers after 200 extras',
    frontend: (() => {
      const lost = new Counts();
      return {
        takeRxSlot(queue, index, bytes) {
          if (queue.expect === 'extra') lost.next(queue);
          return correct.takeRxSlot(queue, index, bytes);
        },
        post(vif, queue) {
          if (lost.of(queue) < 200) correct.post(vif, queue);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.gso.reuses-last-page',
    breaks: 'TXW-16',
    fault: 'uses the last page of a packet of more than 14 slots for the next packet, too',
    frontend: {
      transmit(vif, queue, packet) {
        const offers = [...queue.sending.values()];
        if (offers.length > 14 && !packet.gso) offers.at(-1)?.page.copyIn(0, packet.frame);
        correct.transmit(vif, queue, packet);
      },
    },
  },
  {
    id: 'frontend.gso.null-is-answer',
    breaks: 'TXW-18',
    fault: 'treats a response with status NULL as the response to its id',
    frontend: {
      takeTxResponse(queue, bytes) {
        const copy = Uint8Array.from(bytes);
        if (copy[2] === RSP.null) copy[2] = RSP.okay;
        correct.takeTxResponse(queue, copy);
      },
    },
  },
  {
    id: 'frontend.gso.flags-everywhere',
    breaks: 'CSUM-13',
    fault: 'sets csum_blank on every fragment',
    frontend: {
      putTx: (queue, request, offer) =>
        correct.putTx(queue, { ...request, flags: request.flags | TXF.csumBlank }, offer),
    },
  },
  {
    id: 'frontend.gso.to-everybody',
    breaks: 'GSO-01',
    fault: 'sends large packets to backends without the GSO features',
    frontend: { fitting: (_, packet) => [packet] },
  },
  {
    id: 'frontend.gso.both-or-none',
    breaks: 'GSO-02',
    fault: 'sends nothing to a backend with the GSO feature of one IP version only',
    frontend: {
      fitting: (vif, packet) =>
        vif.offers[KEY.featureGsoTcpv4] === vif.offers[KEY.featureGsoTcpv6] ? correct.fitting(vif, packet) : [],
    },
  },
  {
    id: 'frontend.gso.no-extra',
    breaks: 'GSO-03',
    fault: 'sends large packets without a GSO extra',
    frontend: {
      fitting: (vif, packet) => correct.fitting(vif, packet).map((each) => ({ ...each, gso: undefined })),
    },
  },
  {
    id: 'frontend.gso.size-of-frame',
    breaks: 'GSO-04',
    fault: 'includes the headers in the segment size of the GSO extra',
    frontend: sendsGso(({ size }) => ({ size: size + 54 })),
  },
  {
    id: 'frontend.gso.always-v4',
    breaks: 'GSO-05',
    fault: 'reports IPv4 in the GSO extra of every large packet',
    frontend: sendsGso(() => ({ gsoType: GSO_TYPE.tcpv4 })),
  },
  {
    id: 'frontend.gso.half-size',
    breaks: 'GSO-15',
    fault: 'drops packets of 32 KiB or more',
    frontend: drops((packet) => packet.frame.length >= 0x8000),
  },
  {
    id: 'frontend.gso.not-blank',
    breaks: 'GSO-08',
    fault: 'sends large packets without csum_blank',
    frontend: {
      putTx(queue, request, offer) {
        const large = (request.flags & TXF.extraInfo) !== 0;
        correct.putTx(queue, { ...request, flags: large ? request.flags & ~TXF.csumBlank : request.flags }, offer);
      },
    },
  },
  {
    id: 'frontend.gso.features',
    breaks: 'GSO-09',
    fault: 'leaves an undefined bit in the features of the GSO extra',
    frontend: sendsGso(() => ({ features: 0x8000 })),
  },
  {
    id: 'frontend.gso.ecn',
    breaks: 'GSO-14',
    fault: 'reports ECN in the features of the GSO extra',
    frontend: sendsGso(() => ({ features: 1 })),
  },
  {
    id: 'frontend.gso.dies-of-prefix',
    breaks: 'GSO-11',
    fault: 'stops serving every vif at the deprecated flag gso_prefix',
    frontend: mortalFrontend((die) => ({
      takeRxSlot(queue, index, bytes) {
        const response = decodeRxResponse(bytes);
        if (response.ok && (response.value.flags & RXF.gsoPrefix) !== 0) die();
        return correct.takeRxSlot(queue, index, bytes);
      },
    })),
  },
  {
    id: 'frontend.gso.without-sg',
    breaks: 'GSO-12',
    fault: 'sets the GSO features without feature-sg',
    frontend: { features: () => ({ ...correct.features(), [KEY.featureSg]: '0' }) },
  },
  {
    id: 'frontend.gso.cuts-in-half',
    breaks: 'GSO-13',
    fault: 'cuts large packets into two halves',
    frontend: {
      fitting: (vif, packet) => {
        const gso = packet.gso && { ...packet.gso, size: packet.frame.length >> 1 };
        return correct.fitting(vif, { ...packet, gso });
      },
    },
  },
  {
    id: 'frontend.gso.own-segments',
    breaks: 'GSO-06',
    fault: 'cuts large packets into segments of 1440 bytes of payload whatever the extra says',
    frontend: {
      fitting(vif, packet) {
        const gso = packet.gso && !vif.offers[KEY.featureGsoTcpv4] ? { ...packet.gso, size: 1440 } : packet.gso;
        return correct.fitting(vif, { ...packet, gso });
      },
    },
  },
  {
    id: 'frontend.gso.extra-of-no-type',
    breaks: 'EXTRA-03',
    fault: 'puts an extra of type NONE before each GSO extra',
    frontend: {
      putGso(queue, gso) {
        queue.tx.put(Uint8Array.of(0, EXTRA_FLAG_MORE));
        correct.putGso(queue, gso);
      },
    },
  },
  {
    id: 'frontend.gso.more-at-the-end',
    breaks: 'EXTRA-08',
    fault: 'sets the more flag in its last extra',
    frontend: sendsGso(() => ({ flags: EXTRA_FLAG_MORE })),
  },
  {
    id: 'frontend.gso.other-layout',
    breaks: 'EXTRA-04',
    fault: 'puts the type of GSO before the segment size in the GSO extra',
    frontend: {
      putGso: (queue, { size, type }) => queue.tx.put(Uint8Array.of(1, 0, type, 0, size & 0xff, size >> 8, 0, 0)),
    },
  },
  {
    id: 'frontend.gso.extra-at-the-end',
    breaks: 'TXW-06',
    fault: 'puts the GSO extra after the last fragment',
    frontend: (() => {
      const held = new WeakMap<object, () => void>();
      return {
        putGso(queue, gso) {
          held.set(queue.tx, () => correct.putGso(queue, gso));
        },
        push(vif, ring, port) {
          held.get(ring)?.();
          held.delete(ring);
          correct.push(vif, ring, port);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.gso.unannounced-extra',
    breaks: 'EXTRA-01',
    fault: 'does not set extra_info on a fragment that an extra follows',
    frontend: {
      putTx: (queue, request, offer) =>
        correct.putTx(queue, { ...request, flags: request.flags & ~TXF.extraInfo }, offer),
    },
  },
  {
    id: 'frontend.gso.publishes-in-parts',
    breaks: 'TXW-21',
    fault: 'publishes the last slot of a packet of more than two slots a millisecond later',
    frontend: {
      push(vif, ring, port) {
        const end = ring.reqProdPvt;
        if (ring.layout.name === 'rx' || end - ring.indices().reqProd <= 2) return correct.push(vif, ring, port);
        ring.reqProdPvt = end - 1;
        correct.push(vif, ring, port);
        ring.reqProdPvt = end;
        vif.domain.clock.after(1, () => {
          if (vif.queues.some(({ tx }) => tx === ring)) correct.push(vif, ring, port);
        });
      },
    },
  },
  {
    id: 'frontend.gso.full-page-is-empty',
    breaks: 'RXW-09',
    fault: 'treats a slot that fills its page as empty',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const copy = Uint8Array.from(bytes);
        const response = decodeRxResponse(bytes);
        if (queue.expect !== 'extra' && response.ok && response.value.status === PAGE_SIZE) copy.fill(0, 6, 8);
        return correct.takeRxSlot(queue, index, copy);
      },
    },
  },
  {
    id: 'frontend.gso.no-slot-for-extra',
    breaks: 'TXW-06',
    fault: 'sends a large packet without its extra if the ring has no slot left for the extra',
    frontend: {
      hasRoom: (queue, slots) => queue.tx.free() >= slots,
      putGso(queue, gso) {
        if (queue.tx.free() > 2) correct.putGso(queue, gso);
      },
    },
  },
  {
    id: 'frontend.gso.stops-late',
    breaks: 'RING-06',
    fault: 'sends a packet of any size while its ring has more than ten free slots',
    frontend: {
      hasRoom: ({ tx }) => tx.free() > 10,
      putTx(queue, ...request) {
        asIfFree(queue, () => correct.putTx(queue, ...request));
      },
      putGso(queue, gso) {
        asIfFree(queue, () => correct.putGso(queue, gso));
      },
    },
  },
];
