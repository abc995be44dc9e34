/** Defects of the reference backend, chapter gso. */
import { blankChecksum } from '../../../packet/offload.js';
import { type Extra, type ExtraGso, linked } from '../../../protocol/extra.js';
import { GSO_TYPE, KEY, RXF } from '../../../protocol/netif.js';
import { RX_RING } from '../../../protocol/ring.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { Defect } from '../defect.js';
import { drops, refuses } from '../support/backend.js';

/** Changes the GSO extras that are sent. */
const sendsGso = (change: (extra: ExtraGso) => Partial<ExtraGso>): Partial<BackendSteps> => ({
  extras: (vif, packet) =>
    correct.extras(vif, packet).map((extra): Extra => (extra.type === 'gso' ? { ...extra, ...change(extra) } : extra)),
});

/** Changes the flags of the first slot of packets with extras. */
const sendsFlags = (change: (flags: number) => number): Partial<BackendSteps> => ({
  fill: (vif, queue, request, piece, before) =>
    correct.fill(vif, queue, request, piece, (before & RXF.extraInfo) !== 0 ? change(before) : before),
});

export const BACKEND_GSO_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.gso.to-everybody',
    breaks: 'GSO-01',
    fault: 'sends large packets to frontends without the GSO keys',
    backend: { fitting: (_, packet) => [packet] },
  },
  {
    id: 'backend.gso.both-or-none',
    breaks: 'GSO-02',
    fault: 'refuses a frontend that sets the GSO key of one IP version only',
    backend: {
      async connect(vif) {
        await correct.connect(vif);
        if (vif.offers[KEY.featureGsoTcpv4] !== vif.offers[KEY.featureGsoTcpv6]) throw new RangeError('one of two');
      },
    },
  },
  {
    id: 'backend.gso.no-extra',
    breaks: 'GSO-03',
    fault: 'sends large packets without a GSO extra',
    backend: { extras: (vif, packet) => correct.extras(vif, { ...packet, gso: undefined }) },
  },
  {
    id: 'backend.gso.size-of-frame',
    breaks: 'GSO-04',
    fault: 'includes the headers in the segment size of the GSO extra',
    backend: sendsGso(({ size }) => ({ size: size + 54 })),
  },
  {
    id: 'backend.gso.always-v4',
    breaks: 'GSO-05',
    fault: 'reports IPv4 in the GSO extra of every large packet',
    backend: sendsGso(() => ({ gsoType: GSO_TYPE.tcpv4 })),
  },
  {
    id: 'backend.gso.half-size',
    breaks: 'GSO-06',
    fault: 'drops packets of 32 KiB or more',
    backend: drops(({ frame }) => frame.length >= 0x8000),
  },
  {
    id: 'backend.gso.any-extra',
    breaks: 'GSO-07',
    fault: 'accepts a GSO extra with invalid fields',
    backend: {
      takeChain(queue) {
        const chain = correct.takeChain(queue);
        return chain?.extras.some(({ type }) => type === 'gso') ? { ...chain, fault: undefined } : chain;
      },
    },
  },
  {
    id: 'backend.gso.not-blank',
    breaks: 'GSO-08',
    fault: 'sends large packets without csum_blank',
    backend: sendsFlags((before) => before & ~(RXF.csumBlank | RXF.dataValidated)),
  },
  {
    id: 'backend.gso.features',
    breaks: 'GSO-09',
    fault: 'leaves an undefined bit in the features of the GSO extra',
    backend: sendsGso(() => ({ features: 0x8000 })),
  },
  {
    id: 'backend.gso.ecn',
    breaks: 'GSO-14',
    fault: 'reports ECN in the features of the GSO extra',
    backend: sendsGso(() => ({ features: 1 })),
  },
  {
    id: 'backend.gso.prefix',
    breaks: 'GSO-10',
    fault: 'also flags large packets with the deprecated gso_prefix',
    seen: 'Linux xen-netback before "retire guest rx side prefix GSO"; win-xenvif 671edd9',
    backend: sendsFlags((before) => before | RXF.gsoPrefix),
  },
  {
    id: 'backend.gso.without-sg',
    breaks: 'GSO-12',
    fault: 'advertises GSO without feature-sg',
    backend: { features: () => ({ ...correct.features(), [KEY.featureSg]: '0' }) },
  },
  {
    id: 'backend.gso.cuts-in-half',
    breaks: 'GSO-13',
    fault: 'cuts large packets into two halves',
    backend: {
      fitting: (vif, packet) =>
        correct.fitting(
          vif,
          packet.gso ? { ...packet, gso: { ...packet.gso, size: packet.frame.length >> 1 } } : packet,
        ),
    },
  },
  {
    id: 'backend.gso.one-extra',
    breaks: 'HASH-37',
    fault: 'sends only the last extra of a packet',
    backend: {
      extras: (vif, packet) => linked(correct.extras(vif, packet).slice(-1)),
    },
  },
  {
    id: 'backend.gso.extras-count-as-slots',
    breaks: 'SLOT-04',
    fault: 'counts extras in the limit of 18 slots',
    backend: refuses(({ layout }) => layout.length > 18),
  },
  {
    id: 'backend.gso.small-pieces',
    breaks: 'SLOT-07',
    fault: 'leaves 512 bytes of each rx buffer free and uses 19 of them for the largest packet',
    backend: {
      pieces(_vif, frame) {
        const room = PAGE_SIZE - 512;
        return Array.from({ length: Math.ceil(frame.length / room) }, (_, n) =>
          frame.subarray(n * room, (n + 1) * room),
        );
      },
    },
  },
  {
    id: 'backend.gso.first-connection-only',
    breaks: 'GSO-01',
    fault: 'reads the features of a frontend at its first connection only',
    backend: (() => {
      const known = new WeakSet();
      return {
        async readFeatures(vif) {
          if (known.has(vif)) return;
          known.add(vif);
          await correct.readFeatures(vif);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.gso.ids-of-later-slots',
    breaks: 'RXW-02',
    fault: 'writes the number of the slot as the id of a response in packets of several slots',
    backend: (() => {
      const continues = new WeakSet();
      return {
        fill(vif, queue, request, piece, flags) {
          const isPart = continues.has(queue) || (flags & RXF.moreData) !== 0;
          if ((flags & RXF.moreData) !== 0) continues.add(queue);
          else continues.delete(queue);
          const id = isPart ? (queue.rx.reqCons - 1) % RX_RING.size : request.id;
          correct.fill(vif, queue, { ...request, id }, piece, flags);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.gso.by-any-key',
    breaks: 'GSO-01',
    fault: 'sends large packets of either IP version to a frontend that set one of the two GSO keys',
    backend: {
      fitting: (vif, packet) =>
        correct.fitting(vif, packet).length > 1 && (vif.offers[KEY.featureGsoTcpv4] || vif.offers[KEY.featureGsoTcpv6])
          ? [packet]
          : correct.fitting(vif, packet),
    },
  },
  {
    id: 'backend.gso.zero-is-a-key',
    breaks: 'GSO-01',
    fault: 'treats a GSO key of 0 as 1',
    backend: {
      async readFeatures(vif) {
        await correct.readFeatures(vif);
        for (const key of [KEY.featureGsoTcpv4, KEY.featureGsoTcpv6]) {
          vif.offers[key] = (await vif.frontendKey(key)) !== undefined;
        }
      },
    },
  },
  {
    id: 'backend.gso.despite-sg',
    breaks: 'RXW-22',
    fault: 'sends large packets in several slots to a frontend without feature-sg',
    backend: {
      async readFeatures(vif) {
        await correct.readFeatures(vif);
        if (vif.offers[KEY.featureGsoTcpv4]) vif.offers[KEY.featureSg] = true;
      },
    },
  },
  {
    id: 'backend.gso.lost-with-17',
    breaks: 'SLOT-04',
    fault: 'loses the last slots of a large packet of more than 17',
    backend: {
      fetch(vif, queue, chain) {
        const frame = correct.fetch(vif, queue, chain);
        return chain.requests.length > 17 && chain.extras.length > 0 ? frame?.subarray(0, 1514) : frame;
      },
    },
  },
  {
    id: 'backend.gso.segments-unchecked',
    breaks: 'CSUM-08',
    fault: 'leaves the checksum of the large packet in each segment',
    backend: {
      fitting(vif, packet) {
        const cut = correct.fitting(vif, packet);
        return cut.length === 1
          ? cut
          : cut.map((each) => ({ ...each, frame: blankChecksum(each.frame) ?? each.frame }));
      },
    },
  },
  {
    id: 'backend.gso.segments-blank',
    breaks: 'CSUM-02',
    fault: 'sends the segments of a large packet with blank checksums, whatever the frontend accepts',
    backend: {
      fitting(vif, packet) {
        const cut = correct.fitting(vif, packet);
        if (cut.length === 1) return cut;
        return cut.map((each) => ({ ...each, frame: blankChecksum(each.frame) ?? each.frame, csumBlank: true }));
      },
    },
  },
  {
    id: 'backend.gso.first-queue',
    breaks: 'GSO-06',
    fault: 'loses large packets on all queues but queue 0',
    backend: {
      accept(vif, queue, packet) {
        if (!packet.gso || queue.index === 0) correct.accept(vif, queue, packet);
      },
    },
  },
  {
    id: 'backend.gso.segments-of-1024',
    breaks: 'GSO-06',
    fault: 'cuts large packets into segments of at least 1024 bytes',
    backend: {
      fitting: (vif, packet) =>
        correct.fitting(
          vif,
          packet.gso ? { ...packet, gso: { ...packet.gso, size: Math.max(packet.gso.size, 1024) } } : packet,
        ),
    },
  },
  {
    id: 'backend.gso.type-0',
    breaks: 'GSO-07',
    fault: 'treats a GSO extra of type NONE as one for TCP over IPv4',
    backend: {
      takeChain(queue) {
        const chain = correct.takeChain(queue);
        const isNone = chain?.extras.some((extra) => extra.type === 'gso' && extra.gsoType === GSO_TYPE.none);
        return chain && isNone ? { ...chain, fault: undefined } : chain;
      },
    },
  },
  {
    id: 'backend.gso.extra-counts-twice',
    breaks: 'SLOT-01',
    fault: 'refuses a packet of 18 slots of which one is an extra',
    backend: refuses(({ extras, layout }) => extras.length > 0 && layout.length > 17),
  },
];
