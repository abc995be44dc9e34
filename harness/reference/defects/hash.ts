/** Defects of hashing and steering of the reference backend. */
import { CTRL_STATUS, HASH_ALGORITHM, HASH_TYPE } from '../../protocol/netif.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../backend-steps.js';
import type { BackendVif } from '../backend.js';
import { MAX_KEY, type PacketHash } from '../hashing.js';
import type { Defect } from './defect.js';

const SUCCESS = { status: CTRL_STATUS.success };

/** What the backend makes of a packet's hash. */
const hashes = (
  change: (hash: PacketHash, vif: BackendVif, frame: Uint8Array) => PacketHash | undefined,
): Partial<BackendSteps> => ({
  hash(vif, frame) {
    const hash = correct.hash(vif, frame);
    return hash && change(hash, vif, frame);
  },
});

/** Changes one octet of every key whose number is given. */
const wrongKeyOctet = (octet: number): Partial<BackendSteps> => ({
  setHashKey(vif, data) {
    const answer = correct.setHashKey(vif, data);
    if (vif.hashing.key.length > octet) vif.hashing.key[octet] = 0xff;
    return answer;
  },
});

/** Spoils the hash of packets with a byte of their source address. */
const wrongFrom = (at: number, byte: number): Partial<BackendSteps> =>
  hashes((hash, _, frame) => (frame[at] === byte ? { ...hash, value: (hash.value ^ 1) >>> 0 } : hash));

const isUdp = (frame: Uint8Array): boolean => frame[12] === 8 && frame[23] === 17;
const isFragment = (frame: Uint8Array): boolean => frame[12] === 8 && ((frame[20] ?? 0) & 0x1f) + (frame[21] ?? 0) > 0;
const hasOptions = (frame: Uint8Array): boolean => frame[12] === 8 && (frame[14] ?? 0) > 0x45;

export const HASH_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.hash.any-algorithm',
    breaks: 'HASH-01',
    fault: 'takes any number for an algorithm',
    backend: {
      setHashAlgorithm(vif, data) {
        if (data[0] <= HASH_ALGORITHM.toeplitz) return correct.setHashAlgorithm(vif, data);
        return SUCCESS;
      },
    },
  },
  {
    id: 'backend.hash.no-none',
    breaks: 'HASH-02',
    fault: 'refuses to turn hashing off',
    backend: {
      setHashAlgorithm: (vif, data) =>
        data[0] === HASH_ALGORITHM.none
          ? { status: CTRL_STATUS.invalidParameter }
          : correct.setHashAlgorithm(vif, data),
    },
  },
  {
    id: 'backend.hash.on-at-first',
    breaks: 'HASH-03',
    fault: 'hashes from the start',
    backend: { hash: () => ({ type: HASH_TYPE.ipv4, value: 1 }) },
  },
  {
    id: 'backend.hash.never-asked',
    breaks: 'HASH-36',
    fault: 'sends hashes to who never asked for any',
    seen: 'Linux xen-netback before "make sure that hashes are not send to unaware frontends"',
    backend: { hash: () => ({ type: HASH_TYPE.ipv6, value: 2 }) },
  },
  {
    id: 'backend.hash.flags-always',
    breaks: 'HASH-04',
    fault: 'tells its hash types before an algorithm is set',
    backend: { getHashFlags: () => ({ ...SUCCESS, data: 15 }) },
  },
  {
    id: 'backend.hash.too-many-flags',
    breaks: 'HASH-05',
    fault: 'tells types that are not defined',
    backend: {
      getHashFlags(vif) {
        const answer = correct.getHashFlags(vif);
        return answer.status === CTRL_STATUS.success ? { ...answer, data: 31 } : answer;
      },
    },
  },
  {
    id: 'backend.hash.any-flags',
    breaks: 'HASH-06',
    fault: 'takes any flags',
    backend: { setHashFlags: (vif, [flags]) => correct.setHashFlags(vif, [flags & 15, 0, 0]) },
  },
  {
    id: 'backend.hash.flags-before-algorithm',
    breaks: 'HASH-07',
    fault: 'takes hash types before an algorithm is set',
    backend: {
      setHashFlags(vif, [flags]) {
        vif.hashing.flags = flags & 15;
        return flags > 15 ? { status: CTRL_STATUS.invalidParameter } : SUCCESS;
      },
    },
  },
  {
    id: 'backend.hash.zero-flags-ignored',
    breaks: 'HASH-08',
    fault: 'leaves the types as they were when none is set',
    backend: {
      setHashFlags: (vif, data) => (data[0] === 0 ? SUCCESS : correct.setHashFlags(vif, data)),
    },
  },
  {
    id: 'backend.hash.minimal',
    breaks: 'HASH-09',
    fault: 'hashes the addresses of TCP although the ports were asked for too',
    backend: hashes((hash, vif) =>
      (vif.hashing.flags & 1) !== 0 && hash.type === HASH_TYPE.ipv4Tcp ? { ...hash, type: HASH_TYPE.ipv4 } : hash,
    ),
  },
  {
    id: 'backend.hash.others-too',
    breaks: 'HASH-10',
    fault: 'hashes what is not TCP although only TCP was asked for',
    backend: {
      hash: (vif, frame) =>
        correct.hash(vif, frame) ?? (vif.hashing.flags ? { type: HASH_TYPE.ipv4, value: 7 } : undefined),
    },
  },
  {
    id: 'backend.hash.no-fallback',
    breaks: 'HASH-11',
    fault: 'gives TCP no hash of its addresses',
    backend: hashes((hash, _, frame) => (frame[23] === 6 && hash.type === HASH_TYPE.ipv4 ? undefined : hash)),
  },
  {
    id: 'backend.hash.udp-ports',
    breaks: 'HASH-12',
    fault: 'hashes the ports of UDP',
    backend: hashes((hash, _, frame) => (isUdp(frame) ? { type: HASH_TYPE.ipv4Tcp, value: 9 } : hash)),
  },
  {
    id: 'backend.hash.key-from-octet-1',
    breaks: 'HASH-13',
    fault: 'takes the key from octet 1 on',
    backend: {
      setHashKey(vif, data) {
        const answer = correct.setHashKey(vif, data);
        vif.hashing.key = vif.hashing.key.slice(1);
        return answer;
      },
    },
  },
  {
    id: 'backend.hash.writable-key',
    breaks: 'HASH-14',
    fault: 'takes a key only from a page that it may write',
    backend: {
      setHashKey(vif, data) {
        const bytes = vif.steps.readMessage(vif, data[0], data[1]);
        const [status] = vif.domain.grants.copyTo([
          { domain: vif.control?.frontend ?? 0, ref: data[0], offset: 0, bytes: bytes ?? new Uint8Array(1) },
        ]);
        return status === 0 ? correct.setHashKey(vif, data) : { status: CTRL_STATUS.invalidParameter };
      },
    },
  },
  {
    id: 'backend.hash.reads-key-later',
    breaks: 'HASH-15',
    fault: 'reads the key from its page whenever it hashes',
    backend: (() => {
      const keys = new WeakMap<object, readonly [number, number, number]>();
      return {
        setHashKey(vif, data) {
          keys.set(vif, data);
          return correct.setHashKey(vif, data);
        },
        hash(vif, frame) {
          const data = keys.get(vif);
          if (data && vif.hashing.key.length > 0) correct.setHashKey(vif, data);
          return correct.hash(vif, frame);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.hash.old-tail',
    breaks: 'HASH-16',
    fault: 'keeps the tail of the old key behind a shorter new one',
    backend: {
      setHashKey(vif, data) {
        const old = vif.hashing.key;
        const answer = correct.setHashKey(vif, data);
        const key = new Uint8Array(MAX_KEY);
        key.set(old);
        key.set(vif.hashing.key);
        if (data[1] > 0) vif.hashing.key = key;
        return answer;
      },
    },
  },
  {
    id: 'backend.hash.no-clearing',
    breaks: 'HASH-17',
    fault: 'keeps the key when an empty one is set',
    backend: { setHashKey: (vif, data) => (data[1] === 0 ? SUCCESS : correct.setHashKey(vif, data)) },
  },
  {
    id: 'backend.hash.default-key',
    breaks: 'HASH-18',
    fault: 'hashes by a key of its own before one is set',
    backend: hashes((hash, vif) => (vif.hashing.key.length === 0 ? { ...hash, value: 0x1234 } : hash)),
  },
  {
    id: 'backend.hash.long-key-invalid',
    breaks: 'HASH-19',
    fault: 'answers INVALID_PARAMETER to a key that is too long',
    seen: 'Linux xen-netback, xenvif_set_hash_key',
    backend: {
      setHashKey: (vif, data) =>
        data[1] > MAX_KEY ? { status: CTRL_STATUS.invalidParameter } : correct.setHashKey(vif, data),
    },
  },
  {
    id: 'backend.hash.endless-key',
    breaks: 'HASH-20',
    fault: 'takes a key that no page holds',
    backend: { setHashKey: (vif, data) => (data[1] > 4096 ? SUCCESS : correct.setHashKey(vif, data)) },
  },
  {
    id: 'backend.hash.bad-key-okay',
    breaks: 'HASH-21',
    fault: 'takes a key that it can not read for an empty one',
    backend: {
      setHashKey(vif, data) {
        const answer = correct.setHashKey(vif, data);
        return answer.status === CTRL_STATUS.invalidParameter ? SUCCESS : answer;
      },
    },
  },
  {
    id: 'backend.hash.mapping-size-too-large',
    breaks: 'HASH-22',
    fault: 'tells a mapping size that it does not take',
    backend: { getHashMappingSize: () => ({ ...SUCCESS, data: 4096 }) },
  },
  {
    id: 'backend.hash.any-mapping-size',
    breaks: 'HASH-23',
    fault: 'takes any mapping size',
    backend: {
      setHashMappingSize(vif, data) {
        const answer = correct.setHashMappingSize(vif, data);
        return answer.status === CTRL_STATUS.invalidParameter ? SUCCESS : answer;
      },
    },
  },
  {
    id: 'backend.hash.keeps-mapping',
    breaks: 'HASH-24',
    fault: 'keeps the entries of the old mapping table',
    backend: {
      setHashMappingSize(vif, data) {
        const old = vif.hashing.mapping;
        const answer = correct.setHashMappingSize(vif, data);
        vif.hashing.mapping = vif.hashing.mapping.map((queue, n) => old[n] ?? queue);
        return answer;
      },
    },
  },
  {
    id: 'backend.hash.no-modulo',
    breaks: 'HASH-25',
    fault: 'sends everything to queue 0 when there is no mapping table',
    backend: {
      queueFor: (vif, frame) => (vif.hashing.mapping.length > 0 ? correct.queueFor(vif, frame) : vif.queues[0]),
    },
  },
  {
    id: 'backend.hash.ignores-table',
    breaks: 'HASH-26',
    fault: 'spreads packets by their hash although there is a table',
    backend: {
      queueFor(vif, frame) {
        const value = vif.steps.hash(vif, frame)?.value ?? 0;
        return vif.hashing.mapping.includes(1) ? vif.queues[value % vif.queues.length] : correct.queueFor(vif, frame);
      },
    },
  },
  {
    id: 'backend.hash.ignores-offset',
    breaks: 'HASH-27',
    fault: 'writes a part of the table to its start',
    backend: {
      setHashMapping: (vif, [ref, size, offset]) =>
        correct.setHashMapping(vif, [ref, size, offset + size > vif.hashing.mapping.length ? offset : 0]),
    },
  },
  {
    id: 'backend.hash.any-queue',
    breaks: 'HASH-28',
    fault: 'takes a table that names queues which are not there',
    seen: 'XSA-270 (CVE-2018-15471): Linux xen-netback, queue numbers behind an offset',
    backend: {
      setHashMapping(vif, data) {
        const answer = correct.setHashMapping(vif, data);
        return data[1] + data[2] <= vif.hashing.mapping.length ? SUCCESS : answer;
      },
    },
  },
  {
    id: 'backend.hash.beyond-table',
    breaks: 'HASH-29',
    fault: 'adds offset and size in 32 bits',
    seen: 'CVE-2018-15471: Linux xen-netback, xenvif_set_hash_mapping',
    backend: {
      setHashMapping: (vif, data) => (data[1] + data[2] > 0xffffffff ? SUCCESS : correct.setHashMapping(vif, data)),
    },
  },
  {
    id: 'backend.hash.half-written',
    breaks: 'HASH-30',
    fault: 'keeps what it wrote of a table before it found a bad entry',
    backend: {
      setHashMapping(vif, data) {
        const answer = correct.setHashMapping(vif, data);
        if (answer.status !== CTRL_STATUS.success) vif.hashing.mapping.fill(0);
        return answer;
      },
    },
  },
  {
    id: 'backend.hash.writable-table',
    breaks: 'HASH-31',
    fault: 'takes a table only from a page that it may write',
    backend: {
      setHashMapping(vif, data) {
        const bytes = vif.steps.readMessage(vif, data[0], 1) ?? new Uint8Array(1);
        const [status] = vif.domain.grants.copyTo([
          { domain: vif.control?.frontend ?? 0, ref: data[0], offset: 0, bytes },
        ]);
        return status === 0 ? correct.setHashMapping(vif, data) : { status: CTRL_STATUS.invalidParameter };
      },
    },
  },
  {
    id: 'backend.hash.beyond-page',
    breaks: 'HASH-32',
    fault: 'takes a table that is longer than a page',
    backend: {
      setHashMapping: (vif, data) => (data[1] === 1025 ? SUCCESS : correct.setHashMapping(vif, data)),
    },
  },
  {
    id: 'backend.hash.type-as-mask',
    breaks: 'HASH-33',
    fault: 'tells the type as a mask',
    backend: hashes((hash) => ({ ...hash, type: 1 << hash.type })),
  },
  {
    id: 'backend.hash.refuses-hashed',
    breaks: 'HASH-35',
    fault: 'drops packets that come with a hash',
    seen: 'Linux xen-netback before 4.9',
    backend: {
      takeChain(queue) {
        const chain = correct.takeChain(queue);
        return chain?.extras.some(({ type }) => type === 'hash') ? { ...chain, fault: 'hash' } : chain;
      },
    },
  },
  {
    id: 'backend.hash.keeps-settings',
    breaks: 'HASH-38',
    fault: 'keeps its hash settings over a reconnect',
    seen: 'Linux xen-netback',
    backend: {
      closeControl(vif) {
        vif.hashing.reset = () => {};
        correct.closeControl(vif);
      },
    },
  },
  {
    id: 'backend.hash.several-queues-only',
    breaks: 'HASH-39',
    fault: 'tells hashes only to frontends of several queues',
    backend: hashes((hash, vif) => (vif.queues.length > 1 ? hash : undefined)),
  },
  {
    id: 'backend.hash.options-for-ports',
    breaks: 'HASH-41',
    fault: 'takes IP options for ports',
    backend: hashes((hash, _, frame) => (hasOptions(frame) ? { ...hash, value: 0x01010101 } : hash)),
  },
  {
    id: 'backend.hash.fragment-ports',
    breaks: 'HASH-42',
    fault: 'takes bytes of a fragment for ports',
    backend: hashes((hash, _, frame) => (isFragment(frame) ? { type: HASH_TYPE.ipv4Tcp, value: 0xf0f0 } : hash)),
  },
  {
    id: 'backend.hash.key-cut-to-16',
    breaks: 'TOEP-06',
    fault: 'keeps 16 octets of the key, enough for IPv4',
    backend: {
      setHashKey: (vif, [ref, size]) => correct.setHashKey(vif, [ref, Math.min(size, 16), 0]),
    },
  },
  { id: 'backend.hash.octet-0', breaks: 'TOEP-01', fault: 'mangles octet 0 of the key', backend: wrongKeyOctet(0) },
  {
    id: 'backend.hash.from-199',
    breaks: 'TOEP-02',
    fault: 'hashes packets from 199/8 wrong',
    backend: wrongFrom(26, 199),
  },
  {
    id: 'backend.hash.from-24',
    breaks: 'TOEP-03',
    fault: 'hashes packets from 24/8 wrong',
    backend: wrongFrom(26, 24),
  },
  {
    id: 'backend.hash.from-38',
    breaks: 'TOEP-04',
    fault: 'hashes packets from 38/8 wrong',
    backend: wrongFrom(26, 38),
  },
  {
    id: 'backend.hash.from-153',
    breaks: 'TOEP-05',
    fault: 'hashes packets from 153/8 wrong',
    backend: wrongFrom(26, 153),
  },
  {
    id: 'backend.hash.from-3ffe-5xx',
    breaks: 'TOEP-07',
    fault: 'hashes packets from 3ffe:5xx::/24 wrong',
    backend: wrongFrom(24, 5),
  },
  {
    id: 'backend.hash.from-3ffe-19xx',
    breaks: 'TOEP-08',
    fault: 'hashes packets from 3ffe:19xx::/24 wrong',
    backend: wrongFrom(24, 25),
  },
  {
    id: 'backend.hash.empty-key-counts',
    breaks: 'TOEP-09',
    fault: 'takes the page for a key of no octets all the same',
    backend: {
      setHashKey(vif, data) {
        const answer = correct.setHashKey(vif, data);
        if (data[1] === 0) vif.hashing.key = new Uint8Array(MAX_KEY).fill(1);
        return answer;
      },
    },
  },
  {
    id: 'backend.hash.ones-behind-key',
    breaks: 'TOEP-13',
    fault: 'takes ones for what is behind a short key',
    backend: {
      setHashKey(vif, data) {
        const answer = correct.setHashKey(vif, data);
        const key = new Uint8Array(MAX_KEY).fill(0xff);
        key.set(vif.hashing.key);
        if (data[1] > 0) vif.hashing.key = key;
        return answer;
      },
    },
  },
];
