/** How legal drivers of either role treat a checksum that was left to them. */
import { getNumber } from '../../../bytes/bytes.js';
import { ADDRESSES, encodeEthernet, ETHER_TYPE } from '../../../packet/ethernet.js';
import { decodeFrame } from '../../../packet/frame.js';
import { encodeIpv4 } from '../../../packet/ipv4.js';
import { encodeUdp } from '../../../packet/udp.js';
import type { VifPacket } from '../../packet.js';

/** A datagram over IPv4 without the checksum that is blank in it, as RFC 768 allows; any other packet unchanged. */
export function withoutBlankSum(packet: VifPacket): VifPacket {
  const it = decodeFrame(packet.frame);
  if (!packet.csumBlank || !it.ok || it.value.kind !== 'udp' || it.value.ip.version !== 4) return packet;
  const { ethernet, ip, udp } = it.value;
  const payload = encodeIpv4({ ...ip, payload: encodeUdp({ ...udp, checksum: 'none' }, ip) });
  return { frame: encodeEthernet({ ...ethernet, payload }), csumBlank: false };
}

/** Whether a checksum is left to the driver that is after a VLAN tag. */
export const isBlankAfterTag = ({ frame, csumBlank }: VifPacket): boolean =>
  csumBlank && getNumber(frame, 16, ADDRESSES) === ETHER_TYPE.vlan;
