/**
 * The work that an offloading sender leaves to a later stage: completing checksums and segmenting large TCP packets.
 */
import { concat, getNumber } from '../bytes/bytes.js';
import type { Checksum } from './checksum.js';
import { ADDRESSES, encodeEthernet, ETHER_TYPE, type Ethernet, VLAN_TAG } from './ethernet.js';
import { decodeFrame } from './frame.js';
import { encodeIpv4, type Ipv4 } from './ipv4.js';
import { encodeIpv6, type Ipv6, upperLayer } from './ipv6.js';
import { encodeTcp, TCP_FLAG } from './tcp.js';
import { encodeUdp } from './udp.js';

/** The frame with the checksum of its TCP or UDP header complete, after a VLAN tag too; any other frame unchanged. */
export function completeChecksum(frame: Uint8Array): Uint8Array {
  if (getNumber(frame, 16, ADDRESSES) !== ETHER_TYPE.vlan) return withChecksum(frame, 'complete') ?? frame;
  const [addresses, tag] = [frame.subarray(0, ADDRESSES), frame.subarray(ADDRESSES, ADDRESSES + VLAN_TAG)];
  const inner = withChecksum(concat(addresses, frame.subarray(ADDRESSES + VLAN_TAG)), 'complete');
  return inner ? concat(addresses, tag, inner.subarray(ADDRESSES)) : frame;
}

/** The frame with the checksum of its TCP or UDP header blank; undefined for any other frame. */
export function blankChecksum(frame: Uint8Array): Uint8Array | undefined {
  return withChecksum(frame, 'blank');
}

function withChecksum(frame: Uint8Array, checksum: Checksum): Uint8Array | undefined {
  const it = decodeFrame(frame);
  if (!it.ok) return undefined;
  const { value } = it;
  if (value.kind === 'tcp') return wrap(value, encodeTcp({ ...value.tcp, checksum }, value.ip));
  if (value.kind === 'udp') return wrap(value, encodeUdp({ ...value.udp, checksum }, value.ip));
  if (value.kind === 'ip' && value.ip.version === 6) return afterExtensions(value.ethernet, value.ip, checksum);
  return undefined;
}

/** The same for a packet with extension headers. */
function afterExtensions(ethernet: Ethernet, ip: Ipv6, checksum: Checksum): Uint8Array | undefined {
  const upper = upperLayer(ip);
  if (!upper) return undefined;
  const { protocol, payload } = upper;
  const inner = decodeFrame(
    encodeEthernet({ ...ethernet, payload: encodeIpv6({ ...ip, nextHeader: protocol, payload }) }),
  );
  if (!inner.ok || (inner.value.kind !== 'tcp' && inner.value.kind !== 'udp')) return undefined;
  const { value } = inner;
  const header =
    value.kind === 'tcp' ? encodeTcp({ ...value.tcp, checksum }, ip) : encodeUdp({ ...value.udp, checksum }, ip);
  const extensions = ip.payload.subarray(0, ip.payload.length - payload.length);
  return wrap({ ethernet, ip }, concat(extensions, header));
}

/**
 * A TCP frame cut into frames of at most `size` bytes of payload, with complete checksums; any other frame unchanged.
 */
export function segment(frame: Uint8Array, size: number): Uint8Array[] {
  const it = decodeFrame(frame);
  if (!it.ok || it.value.kind !== 'tcp' || size < 1) return [frame];
  const { value } = it;
  const { tcp, ip } = value;
  const count = Math.max(1, Math.ceil(tcp.payload.length / size));
  return Array.from({ length: count }, (_, n) => {
    // PSH and FIN belong to the last segment only.
    const flags = n === count - 1 ? tcp.flags : tcp.flags & ~(TCP_FLAG.fin | TCP_FLAG.psh);
    const payload = tcp.payload.subarray(n * size, (n + 1) * size);
    const cut = { ...tcp, seq: (tcp.seq + n * size) >>> 0, flags, payload, checksum: 'complete' } as const;
    return wrap(value, encodeTcp(cut, ip), n);
  });
}

/** Replaces the payload in all layers; each IPv4 packet that is cut from one gets its own identification. */
function wrap({ ethernet, ip }: { ethernet: Ethernet; ip: Ipv4 | Ipv6 }, payload: Uint8Array, n = 0): Uint8Array {
  const packet =
    ip.version === 4
      ? encodeIpv4({ ...ip, identification: (ip.identification + n) & 0xffff, payload, checksum: 'complete' })
      : encodeIpv6({ ...ip, payload });
  return encodeEthernet({ ...ethernet, payload: packet });
}
