import { decoded, malformed } from '../bytes/codec.js';
import type { Decoded } from '../bytes/codec.js';
import { MAC_LENGTH } from './address.js';
import { getNumber, putField, putNumber } from '../bytes/bytes.js';

const LAYOUT = { destination: 0, source: 6, etherType: 12, payload: 14 } as const;

/** Below this value the field is a length of IEEE 802.3. */
const LOWEST_ETHER_TYPE = 0x0600;

/** IEEE 802, "Local Experimental EtherType 1": for frames to which no stack replies. */
export const LOCAL_EXPERIMENT = 0x88b5;

export const ETHER_TYPE = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd, serviceVlan: 0x88a8 } as const;

/** Bytes before the payload. */
export const ETHERNET_HEADER = LAYOUT.payload;
/** Bytes of a VLAN tag, which the MTU does not include. */
export const VLAN_TAG = 4;
/** Bytes of both addresses, after which the EtherType or a VLAN tag is. */
export const ADDRESSES = 2 * MAC_LENGTH;
/** The usual MTU: bytes of payload of a frame. A vif without an mtu node has it. */
export const USUAL_MTU = 1500;
/** Bytes of the largest frame at the usual MTU, without a VLAN tag. */
export const LARGEST_FRAME = ETHERNET_HEADER + USUAL_MTU;

/** Bytes to which a short frame may be padded: the Ethernet minimum with FCS or VLAN tag. */
export const PADDED_FRAME = 64;

/** An Ethernet II frame, without FCS. */
export interface Ethernet {
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
  readonly etherType: number;
  /** Includes the padding, if any; only the next layer knows its length. */
  readonly payload: Uint8Array;
}

export function decodeEthernet(bytes: Uint8Array): Decoded<Ethernet> {
  if (bytes.length < LAYOUT.payload) return malformed(`Ethernet: ${bytes.length} bytes are no header`);
  const etherType = getNumber(bytes, 16, LAYOUT.etherType);
  if (etherType < LOWEST_ETHER_TYPE) return malformed(`Ethernet: type ${etherType} is an 802.3 length`);
  return decoded({
    destination: bytes.subarray(LAYOUT.destination, LAYOUT.destination + MAC_LENGTH),
    source: bytes.subarray(LAYOUT.source, LAYOUT.source + MAC_LENGTH),
    etherType,
    payload: bytes.subarray(LAYOUT.payload),
  });
}

/** The frame as it is passed to a vif: not padded. */
export function encodeEthernet(frame: Ethernet): Uint8Array {
  const bytes = new Uint8Array(LAYOUT.payload + frame.payload.length);
  putField(bytes, LAYOUT.destination, frame.destination, MAC_LENGTH);
  putField(bytes, LAYOUT.source, frame.source, MAC_LENGTH);
  putNumber(bytes, 16, LAYOUT.etherType, frame.etherType);
  bytes.set(frame.payload, LAYOUT.payload);
  return bytes;
}
