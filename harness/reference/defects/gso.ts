/** Defects of large packets of the reference backend. */
import type { Extra, ExtraGso } from '../../protocol/extra.js';
import { GSO_TYPE, KEY, RXF } from '../../protocol/netif.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../backend-steps.js';
import type { Defect } from './defect.js';

/** What the backend makes of the GSO extras that it sends. */
const tells = (change: (extra: ExtraGso) => Partial<ExtraGso>): Partial<BackendSteps> => ({
  extras: (vif, packet) =>
    correct.extras(vif, packet).map((extra): Extra => (extra.type === 'gso' ? { ...extra, ...change(extra) } : extra)),
});

/** What the backend makes of the flags of a packet that has extras. */
const flags = (change: (flags: number) => number): Partial<BackendSteps> => ({
  fill: (vif, queue, request, piece, before) =>
    correct.fill(vif, queue, request, piece, (before & RXF.extraInfo) !== 0 ? change(before) : before),
});

export const GSO_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.gso.to-everybody',
    breaks: 'GSO-01',
    fault: 'sends large packets to frontends that take none',
    backend: { fitting: (_, packet) => [packet] },
  },
  {
    id: 'backend.gso.both-or-none',
    breaks: 'GSO-02',
    fault: 'refuses a frontend that takes large packets of one IP version only',
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
    fault: 'sends large packets without a word',
    backend: { extras: (vif, packet) => correct.extras(vif, { ...packet, gso: undefined }) },
  },
  {
    id: 'backend.gso.size-of-frame',
    breaks: 'GSO-04',
    fault: 'tells the size of a segment with its headers',
    backend: tells(({ size }) => ({ size: size + 54 })),
  },
  {
    id: 'backend.gso.always-v4',
    breaks: 'GSO-05',
    fault: 'tells IPv4 of every large packet',
    backend: tells(() => ({ gsoType: GSO_TYPE.tcpv4 })),
  },
  {
    id: 'backend.gso.half-size',
    breaks: 'GSO-06',
    fault: 'drops packets of more than 32 KiB',
    backend: {
      accept(vif, queue, packet) {
        if (packet.frame.length < 0x8000) correct.accept(vif, queue, packet);
      },
    },
  },
  {
    id: 'backend.gso.any-extra',
    breaks: 'GSO-07',
    fault: 'takes a GSO extra whatever it says',
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
    backend: flags((before) => before & ~(RXF.csumBlank | RXF.dataValidated)),
  },
  {
    id: 'backend.gso.features',
    breaks: 'GSO-09',
    fault: 'leaves something in the features of the extra',
    backend: tells(() => ({ features: 0x8000 })),
  },
  {
    id: 'backend.gso.ecn',
    breaks: 'GSO-14',
    fault: 'tells of ECN in the features of the extra',
    backend: tells(() => ({ features: 1 })),
  },
  {
    id: 'backend.gso.prefix',
    breaks: 'GSO-10',
    fault: 'flags large packets by the deprecated way too',
    seen: 'Linux xen-netback before "retire guest rx side prefix GSO"; win-xenvif 671edd9',
    backend: flags((before) => before | RXF.gsoPrefix),
  },
  {
    id: 'backend.gso.without-sg',
    breaks: 'GSO-12',
    fault: 'offers GSO without scatter-gather',
    backend: { features: () => ({ ...correct.features(), [KEY.featureSg]: '0' }) },
  },
  {
    id: 'backend.gso.uncut',
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
    fault: 'sends the first extra of a packet only',
    backend: {
      extras: (vif, packet) =>
        correct
          .extras(vif, packet)
          .slice(0, 1)
          .map((extra) => ({ ...extra, flags: 0 })),
    },
  },
];
