/** Defects of the reference backend, chapter toeplitz. */
import { HASH_ALGORITHM, HASH_FLAG, HASH_TYPE } from '../../../protocol/netif.js';
import { toeplitz } from '../../../protocol/toeplitz.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { MAX_KEY, type PacketHash } from '../../hashing.js';
import type { Defect } from '../defect.js';
import { INVALID_PARAMETER, SUCCESS } from '../support/control.js';
import { isIpv6, isTcp, type Kind } from '../support/packets.js';

/** Offset of the type of the header that follows an Ethernet and an IPv6 header. */
const NEXT_HEADER = 20;
/** Offset of the source address of an IPv4 packet. */
const SOURCE = 26;
const UDP = 17;
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;

const isIpv6Of = (type: number): Kind => {
  return (frame) => isIpv6(frame) && frame[NEXT_HEADER] === type;
};

const isFirstFragment: Kind = (frame) => isTcp(frame) && ((frame[20] ?? 0) & 0x20) !== 0;

/** Replaces the address hash of such packets by a hash of type `hashType` over something else. */
const hashesPorts = (isIt: Kind, hashType: number): Partial<BackendSteps> => ({
  hash(vif, frame) {
    const hash = correct.hash(vif, frame);
    return hash && isIt(frame) ? { type: hashType, value: (hash.value ^ 0x0af0_0001) >>> 0 } : hash;
  },
});

/** Leaves out one bit of the addresses of IPv4. */
const skipsBit = (bit: number): Partial<BackendSteps> => ({
  hash(vif, frame) {
    const hash = correct.hash(vif, frame);
    const [at, mask] = [bit >> 3, 0x80 >> (bit & 7)];
    if (!hash || isIpv6(frame) || ((frame[SOURCE + at] ?? 0) & mask) === 0) return hash;
    const alone = new Uint8Array(4);
    alone[at] = mask;
    return { ...hash, value: (hash.value ^ toeplitz(vif.hashing.key, alone)) >>> 0 };
  },
});

export const BACKEND_TOEPLITZ_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.toeplitz.key-of-none',
    breaks: 'HASH-45',
    fault: 'reports success for a key while the algorithm is NONE, and forgets the key',
    backend: {
      setHashKey: (vif, data) =>
        vif.hashing.algorithm === HASH_ALGORITHM.none ? SUCCESS : correct.setHashKey(vif, data),
    },
  },
  {
    id: 'backend.toeplitz.one-version',
    breaks: 'HASH-44',
    fault: 'hashes packets of either IP version by the types of IPv4',
    backend: {
      hash(vif, frame) {
        const { flags } = vif.hashing;
        if (!isIpv6(frame)) return correct.hash(vif, frame);
        vif.hashing.flags = flags | ((flags & (HASH_FLAG.ipv4 | HASH_FLAG.ipv4Tcp)) << 2);
        const hash = correct.hash(vif, frame);
        vif.hashing.flags = flags;
        return hash;
      },
    },
  },
  {
    id: 'backend.toeplitz.first-bit',
    breaks: 'TOEP-10',
    fault: 'leaves out the first bit of the addresses',
    backend: skipsBit(0),
  },
  {
    id: 'backend.toeplitz.last-bit',
    breaks: 'TOEP-11',
    fault: 'leaves out the last bit of the first 32',
    backend: skipsBit(31),
  },
  {
    id: 'backend.toeplitz.fourth-octet',
    breaks: 'TOEP-12',
    fault: 'leaves out the first bit of the fourth octet',
    backend: skipsBit(24),
  },
  {
    id: 'backend.toeplitz.whole-words-of-key',
    breaks: 'HASH-13',
    fault: 'reads only whole words of four octets of a key',
    backend: { setHashKey: (vif, [ref, size]) => correct.setHashKey(vif, [ref, size - (size % 4), 0]) },
  },
  {
    id: 'backend.toeplitz.stale-cache',
    breaks: 'HASH-16',
    fault: 'keeps its cache of hashes after a key of the same length as the one before',
    backend: (() => {
      const caches = new WeakMap<object, Map<string, PacketHash | undefined>>();
      return {
        setHashKey(vif, data) {
          const before = vif.hashing.key.length;
          const answer = correct.setHashKey(vif, data);
          if (vif.hashing.key.length !== before) caches.delete(vif);
          return answer;
        },
        hash(vif, frame) {
          const hash = correct.hash(vif, frame);
          if (!hash) return hash;
          const cache = caches.get(vif) ?? new Map<string, PacketHash | undefined>();
          caches.set(vif, cache);
          const flow = `${hash.type} ${frame.subarray(SOURCE, SOURCE + 12).join()}`;
          if (!cache.has(flow)) cache.set(flow, hash);
          return cache.get(flow);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.toeplitz.types-clear-key',
    breaks: 'HASH-13',
    fault: 'clears the key when the hash types are set after a mapping table',
    backend: {
      setHashFlags(vif, data) {
        if (vif.hashing.mapping.includes(1)) vif.hashing.key = new Uint8Array();
        return correct.setHashFlags(vif, data);
      },
    },
  },
  {
    id: 'backend.toeplitz.first-fragment-ports',
    breaks: 'HASH-42',
    fault: 'hashes the ports of a first fragment, so that the fragments of a packet arrive on different queues',
    backend: hashesPorts(isFirstFragment, HASH_TYPE.ipv4Tcp),
  },
  {
    id: 'backend.toeplitz.fragment-header-as-ports',
    breaks: 'HASH-42',
    fault: 'treats a fragment header of IPv6 as ports',
    backend: hashesPorts(isIpv6Of(FRAGMENT), HASH_TYPE.ipv6Tcp),
  },
  {
    id: 'backend.toeplitz.options-as-ports',
    breaks: 'HASH-41',
    fault: 'treats an extension header of IPv6 as ports',
    backend: hashesPorts(isIpv6Of(DESTINATION_OPTIONS), HASH_TYPE.ipv6Tcp),
  },
  {
    id: 'backend.toeplitz.udp-ports-v6',
    breaks: 'HASH-12',
    fault: 'hashes the ports of UDP over IPv6',
    backend: hashesPorts(isIpv6Of(UDP), HASH_TYPE.ipv6Tcp),
  },
  {
    id: 'backend.toeplitz.needs-addresses',
    breaks: 'HASH-10',
    fault: 'refuses the TCP type of IPv6 without the type of its addresses',
    backend: {
      setHashFlags: (vif, data) =>
        (data[0] & HASH_FLAG.ipv6Tcp) !== 0 && (data[0] & HASH_FLAG.ipv6) === 0
          ? INVALID_PARAMETER
          : correct.setHashFlags(vif, data),
    },
  },
  {
    id: 'backend.toeplitz.key-in-words',
    breaks: 'HASH-16',
    fault: 'reads a key in words of four octets, so some after it become part of it',
    backend: {
      setHashKey: (vif, [ref, size, rest]) =>
        correct.setHashKey(vif, [ref, size <= MAX_KEY ? Math.ceil(size / 4) * 4 : size, rest]),
    },
  },
];
