/** What an offloading sender leaves to whoever comes after it: checksums, and the cutting of large TCP packets. */
import { encodeEthernet, type Ethernet } from './ethernet.js';
import { decodeFrame } from './frame.js';
import { encodeIpv4, type Ipv4 } from './ipv4.js';
import { encodeIpv6, type Ipv6 } from './ipv6.js';
import { encodeTcp, TCP_FLAG } from './tcp.js';
import { encodeUdp } from './udp.js';

/** The frame with the checksum of its TCP or UDP header complete; any other frame as it is. */
export function completeChecksum(frame: Uint8Array): Uint8Array {
  const it = decodeFrame(frame);
  if (!it.ok) return frame;
  const { value } = it;
  if (value.kind === 'tcp') return wrap(value, encodeTcp({ ...value.tcp, checksum: 'complete' }, value.ip));
  if (value.kind === 'udp') return wrap(value, encodeUdp({ ...value.udp, checksum: 'complete' }, value.ip));
  return frame;
}

/** A TCP frame cut into frames of at most `size` bytes of payload, with complete checksums; any other frame as it is. */
export function segment(frame: Uint8Array, size: number): Uint8Array[] {
  const it = decodeFrame(frame);
  if (!it.ok || it.value.kind !== 'tcp' || size < 1) return [frame];
  const { value } = it;
  const { tcp, ip } = value;
  const count = Math.max(1, Math.ceil(tcp.payload.length / size));
  return Array.from({ length: count }, (_, n) => {
    // Only the last segment ends what the sender wanted to end.
    const flags = n === count - 1 ? tcp.flags : tcp.flags & ~(TCP_FLAG.fin | TCP_FLAG.psh);
    const payload = tcp.payload.subarray(n * size, (n + 1) * size);
    const cut = { ...tcp, seq: (tcp.seq + n * size) >>> 0, flags, payload, checksum: 'complete' } as const;
    return wrap(value, encodeTcp(cut, ip), n);
  });
}

/** Another payload in the layers below; each IPv4 packet that was cut out of one has a number of its own. */
function wrap({ ethernet, ip }: { ethernet: Ethernet; ip: Ipv4 | Ipv6 }, payload: Uint8Array, n = 0): Uint8Array {
  const packet =
    ip.version === 4
      ? encodeIpv4({ ...ip, identification: (ip.identification + n) & 0xffff, payload, checksum: 'complete' })
      : encodeIpv6({ ...ip, payload });
  return encodeEthernet({ ...ethernet, payload: packet });
}
