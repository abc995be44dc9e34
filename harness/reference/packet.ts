/** A packet inside a reference driver. */
import { decodeEthernet, ETHER_TYPE } from '../packet/ethernet.js';
import { completeChecksum, segment } from '../packet/offload.js';
import { GSO_TYPE, KEY } from '../protocol/netif.js';

/** A frame with its offload information. */
export interface VifPacket {
  readonly frame: Uint8Array;
  /** The checksum of TCP or UDP is not complete (netif.h, "csum_blank"). */
  readonly csumBlank: boolean;
  /** A TCP packet to be cut into segments of at most `size` bytes of payload; `type` is one of GSO_TYPE. */
  readonly gso?: { readonly size: number; readonly type: number } | undefined;
}

/** A packet in a form that the receiver supports: cut into segments and with a complete checksum as needed. */
export function fit(packet: VifPacket, offers: Readonly<Record<string, boolean>>): VifPacket[] {
  const { frame, gso, csumBlank } = packet;
  const large = gso?.type === GSO_TYPE.tcpv6 ? KEY.featureGsoTcpv6 : KEY.featureGsoTcpv4;
  if (gso && !offers[large]) return segment(frame, gso.size).map((each) => ({ frame: each, csumBlank: false }));
  const wantsBlank = isIpv6(frame) ? offers[KEY.featureIpv6CsumOffload] : !offers[KEY.featureNoCsumOffload];
  return gso || !csumBlank || wantsBlank ? [packet] : [{ frame: completeChecksum(frame), csumBlank: false }];
}

function isIpv6(frame: Uint8Array): boolean {
  const it = decodeEthernet(frame);
  return it.ok && it.value.etherType === ETHER_TYPE.ipv6;
}
