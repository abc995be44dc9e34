/** Defects of checksum offload, of both reference drivers. */
import { ETHERNET_HEADER } from '../../packet/ethernet.js';
import { IP_PROTOCOL } from '../../packet/ipv4.js';
import { RXF, TXF } from '../../protocol/netif.js';
import { BACKEND_STEPS, type BackendSteps } from '../backend-steps.js';
import { FRONTEND_STEPS, type FrontendSteps } from '../frontend-steps.js';
import type { Defect } from './defect.js';

/** Bytes of a frame that tell its kind. */
const HEADERS = ETHERNET_HEADER + 20;

/** What the backend makes of the first tx slot's flags. */
const readsFlags = (read: (flags: number) => number): Partial<BackendSteps> => ({
  takeChain(queue) {
    const chain = BACKEND_STEPS.takeChain(queue);
    return chain && { ...chain, requests: chain.requests.map((each) => ({ ...each, flags: read(each.flags) })) };
  },
});

type Kind = (frame: Uint8Array) => boolean;
const isIpv6: Kind = (frame) => frame[12] === 0x86 && frame[13] === 0xdd;
const isIcmp: Kind = (frame) => !isIpv6(frame) && frame[ETHERNET_HEADER + 9] === IP_PROTOCOL.icmp;
const isTcp: Kind = (frame) => !isIpv6(frame) && frame[ETHERNET_HEADER + 9] === IP_PROTOCOL.tcp;

/** What the backend adds to the flags of each rx slot that starts a frame of a kind. */
const fillsWith = (added: number, kind: Kind): Partial<BackendSteps> => ({
  fill: (vif, queue, request, piece, flags) =>
    BACKEND_STEPS.fill(vif, queue, request, piece, kind(piece) ? flags | added : flags),
});

/** What the frontend adds to the flags of each tx slot that starts a frame of a kind. */
const sendsWith = (added: number, kind: Kind): Partial<FrontendSteps> => ({
  putTx(queue, request, offer) {
    const flags = kind(offer.page.copyOut(request.offset, HEADERS)) ? request.flags | added : request.flags;
    FRONTEND_STEPS.putTx(queue, { ...request, flags }, offer);
  },
});

export const CHECKSUM_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.checksum.no-blank',
    breaks: 'CSUM-06',
    fault: 'looks at a checksum that was left blank, and drops the packet',
    backend: readsFlags((flags) => flags & ~TXF.csumBlank),
  },
  {
    id: 'backend.checksum.vouches',
    breaks: 'CSUM-10',
    fault: 'vouches for every checksum',
    backend: readsFlags((flags) => flags | TXF.csumBlank),
  },
  {
    id: 'backend.checksum.rx-bits',
    breaks: 'CSUM-07',
    fault: 'reads the flags of tx by the bits that they have on rx',
    backend: readsFlags((flags) => ((flags & RXF.csumBlank) !== 0 ? 0 : flags) & ~TXF.dataValidated),
  },
  {
    id: 'backend.checksum.blank-alone',
    breaks: 'CSUM-09',
    fault: 'flags its packets as blank but not as validated',
    seen: 'Linux 2.6 before 1b7e15f112: data_validated was not set',
    backend: fillsWith(RXF.csumBlank, isTcp),
  },
  {
    id: 'backend.checksum.never-asks',
    breaks: 'CSUM-02',
    fault: 'leaves checksums blank whatever the frontend wants',
    backend: fillsWith(RXF.csumBlank | RXF.dataValidated, isTcp),
  },
  {
    id: 'backend.checksum.blank-icmp',
    breaks: 'CSUM-14',
    fault: 'flags ICMP as blank too',
    backend: fillsWith(RXF.csumBlank | RXF.dataValidated, isIcmp),
  },
  {
    id: 'backend.checksum.dies-of-icmp',
    breaks: 'CSUM-12',
    fault: 'stops serving a vif that flagged ICMP as blank',
    backend: ((): Partial<BackendSteps> => {
      const dead = new WeakSet();
      return {
        accept(vif, queue, packet) {
          if (packet.csumBlank && isIcmp(packet.frame)) dead.add(vif);
          if (!dead.has(vif)) BACKEND_STEPS.accept(vif, queue, packet);
        },
      };
    })(),
  },
  {
    id: 'backend.checksum.ipv6-never-asks',
    breaks: 'CSUM-04',
    fault: 'leaves checksums blank although the frontend never asked for that',
    backend: fillsWith(RXF.csumBlank | RXF.dataValidated, isIpv6),
  },
  {
    id: 'backend.checksum.ipv6-no-blank',
    breaks: 'CSUM-05',
    fault: 'takes blank checksums over IPv4 alone, whatever it advertises',
    backend: {
      accept(vif, queue, packet) {
        if (!packet.csumBlank || !isIpv6(packet.frame)) BACKEND_STEPS.accept(vif, queue, packet);
      },
    },
  },
  {
    id: 'frontend.checksum.ipv6-never-asks',
    breaks: 'CSUM-04',
    fault: 'leaves checksums blank although the backend never asked for that',
    frontend: sendsWith(TXF.csumBlank | TXF.dataValidated, isIpv6),
  },
  {
    id: 'frontend.checksum.ipv6-no-blank',
    breaks: 'CSUM-05',
    fault: 'takes blank checksums over IPv4 alone, whatever it advertises',
    frontend: {
      accept(vif, queue, packet) {
        if (!packet.csumBlank || !isIpv6(packet.frame)) FRONTEND_STEPS.accept(vif, queue, packet);
      },
    },
  },
  {
    id: 'frontend.checksum.no-blank',
    breaks: 'CSUM-06',
    fault: 'looks at a checksum that was left blank, and drops the packet',
    seen: 'mini-os with lwIP; rumprun before ddecce5, Unikraft before d9f8c838',
    frontend: {
      accept: (vif, queue, packet) => FRONTEND_STEPS.accept(vif, queue, { ...packet, csumBlank: false }),
    },
  },
  {
    id: 'frontend.checksum.vouches',
    breaks: 'CSUM-10',
    fault: 'vouches for every checksum',
    frontend: {
      accept: (vif, queue, packet) => FRONTEND_STEPS.accept(vif, queue, { ...packet, csumBlank: true }),
    },
  },
  {
    id: 'frontend.checksum.blank-alone',
    breaks: 'CSUM-09',
    fault: 'flags its packets as blank but not as validated',
    seen: 'Linux 2.6 before 1b7e15f112: data_validated was not set',
    frontend: sendsWith(TXF.csumBlank, isTcp),
  },
  {
    id: 'frontend.checksum.never-asks',
    breaks: 'CSUM-02',
    fault: 'leaves checksums blank whatever the backend wants',
    frontend: sendsWith(TXF.csumBlank | TXF.dataValidated, isTcp),
  },
  {
    id: 'frontend.checksum.blank-icmp',
    breaks: 'CSUM-14',
    fault: 'flags ICMP as blank too',
    frontend: sendsWith(TXF.csumBlank | TXF.dataValidated, isIcmp),
  },
  {
    id: 'frontend.checksum.dies-of-icmp',
    breaks: 'CSUM-12',
    fault: 'stops listening to a vif that flagged ICMP as blank',
    frontend: ((): Partial<FrontendSteps> => {
      const dead = new WeakSet();
      return {
        accept(vif, queue, packet) {
          if (packet.csumBlank && isIcmp(packet.frame)) dead.add(vif);
          if (!dead.has(vif)) FRONTEND_STEPS.accept(vif, queue, packet);
        },
      };
    })(),
  },
];
