/** Defects of the reference backend, chapter hash. */
import { CTRL_STATUS, HASH_ALGORITHM, HASH_TYPE } from '../../../protocol/netif.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { BackendVif } from '../../backend.js';
import { type PacketHash } from '../../hashing.js';
import type { Defect } from '../defect.js';
import { INVALID_PARAMETER, SUCCESS } from '../support/control.js';
import { refuses } from '../support/backend.js';

/** Changes the hash of each packet; undefined sends no hash. */
const hashes = (
  change: (hash: PacketHash, vif: BackendVif, frame: Uint8Array) => PacketHash | undefined,
): Partial<BackendSteps> => ({
  hash(vif, frame) {
    const hash = correct.hash(vif, frame);
    return hash && change(hash, vif, frame);
  },
});

const isUdp = (frame: Uint8Array): boolean => frame[12] === 8 && frame[23] === 17;

const hasOptions = (frame: Uint8Array): boolean => frame[12] === 8 && (frame[14] ?? 0) > 0x45;

const isFragment = (frame: Uint8Array): boolean => frame[12] === 8 && ((frame[20] ?? 0) & 0x1f) + (frame[21] ?? 0) > 0;

/** Corrupts the hash of packets that have `byte` at offset `at`, in the source address. */
const wrongFrom = (at: number, byte: number): Partial<BackendSteps> =>
  hashes((hash, _, frame) => (frame[at] === byte ? { ...hash, value: (hash.value ^ 1) >>> 0 } : hash));

export const BACKEND_HASH_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.hash.any-algorithm',
    breaks: 'HASH-01',
    fault: 'responds SUCCESS to an unknown algorithm',
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
    fault: 'refuses to switch hashing off',
    backend: {
      setHashAlgorithm: (vif, data) =>
        data[0] === HASH_ALGORITHM.none ? INVALID_PARAMETER : correct.setHashAlgorithm(vif, data),
    },
  },
  {
    id: 'backend.hash.on-at-first',
    breaks: 'HASH-03',
    fault: 'sends an IPv4 hash before an algorithm is set',
    backend: { hash: () => ({ type: HASH_TYPE.ipv4, value: 1 }) },
  },
  {
    id: 'backend.hash.never-asked',
    breaks: 'HASH-36',
    fault: 'sends hashes to a frontend that never set an algorithm',
    seen: 'Linux xen-netback before "make sure that hashes are not send to unaware frontends"',
    backend: { hash: () => ({ type: HASH_TYPE.ipv6, value: 2 }) },
  },
  {
    id: 'backend.hash.flags-always',
    breaks: 'HASH-04',
    fault: 'reports hash types before an algorithm is set',
    backend: { getHashFlags: () => ({ ...SUCCESS, data: 15 }) },
  },
  {
    id: 'backend.hash.too-many-flags',
    breaks: 'HASH-05',
    fault: 'reports an undefined hash type',
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
    fault: 'accepts undefined hash types',
    backend: { setHashFlags: (vif, [flags]) => correct.setHashFlags(vif, [flags & 15, 0, 0]) },
  },
  {
    id: 'backend.hash.flags-before-algorithm',
    breaks: 'HASH-07',
    fault: 'accepts hash types before an algorithm is set',
    backend: {
      setHashFlags(vif, [flags]) {
        vif.hashing.flags = flags & 15;
        return flags > 15 ? INVALID_PARAMETER : SUCCESS;
      },
    },
  },
  {
    id: 'backend.hash.zero-flags-ignored',
    breaks: 'HASH-08',
    fault: 'keeps the hash types when they are set to 0',
    backend: {
      setHashFlags: (vif, data) => (data[0] === 0 ? SUCCESS : correct.setHashFlags(vif, data)),
    },
  },
  {
    id: 'backend.hash.minimal',
    breaks: 'HASH-09',
    fault: 'reports type IPV4 for TCP although IPV4_TCP is set too',
    backend: hashes((hash, vif) =>
      (vif.hashing.flags & 1) !== 0 && hash.type === HASH_TYPE.ipv4Tcp ? { ...hash, type: HASH_TYPE.ipv4 } : hash,
    ),
  },
  {
    id: 'backend.hash.others-too',
    breaks: 'HASH-10',
    fault: 'hashes packets other than TCP although only TCP types are set',
    backend: {
      hash: (vif, frame) =>
        correct.hash(vif, frame) ?? (vif.hashing.flags ? { type: HASH_TYPE.ipv4, value: 7 } : undefined),
    },
  },
  {
    id: 'backend.hash.no-fallback',
    breaks: 'HASH-11',
    fault: 'does not hash the addresses of TCP packets',
    backend: hashes((hash, _, frame) => (frame[23] === 6 && hash.type === HASH_TYPE.ipv4 ? undefined : hash)),
  },
  {
    id: 'backend.hash.udp-ports',
    breaks: 'HASH-12',
    fault: 'hashes the ports of UDP',
    backend: hashes((hash, _, frame) => (isUdp(frame) ? { type: HASH_TYPE.ipv4Tcp, value: 9 } : hash)),
  },
  {
    id: 'backend.hash.default-key',
    breaks: 'HASH-18',
    fault: 'hashes with a key of its own before a key is set',
    backend: hashes((hash, vif) => (vif.hashing.key.length === 0 ? { ...hash, value: 0x1234 } : hash)),
  },
  {
    id: 'backend.hash.mapping-size-too-large',
    breaks: 'HASH-22',
    fault: 'reports a larger mapping size than it accepts',
    backend: { getHashMappingSize: () => ({ ...SUCCESS, data: 4096 }) },
  },
  {
    id: 'backend.hash.any-mapping-size',
    breaks: 'HASH-23',
    fault: 'responds SUCCESS to any mapping size',
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
    fault: 'sends every packet to queue 0 while the mapping table is empty',
    backend: {
      queueFor: (vif, frame) => (vif.hashing.mapping.length > 0 ? correct.queueFor(vif, frame) : vif.queues[0]),
    },
  },
  {
    id: 'backend.hash.ignores-table',
    breaks: 'HASH-26',
    fault: 'selects the queue by hash modulo queues although there is a mapping table',
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
    fault: 'writes a part of the mapping table to the start of the table',
    backend: {
      setHashMapping: (vif, [ref, size, offset]) =>
        correct.setHashMapping(vif, [ref, size, offset + size > vif.hashing.mapping.length ? offset : 0]),
    },
  },
  {
    id: 'backend.hash.any-queue',
    breaks: 'HASH-28',
    fault: 'responds SUCCESS to a mapping table with queues that do not exist',
    seen: 'XSA-270 (CVE-2018-15471): Linux xen-netback, queue numbers after an offset are not checked',
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
    fault: 'responds SUCCESS when offset + size exceeds 32 bits',
    seen: 'CVE-2018-15471: Linux xen-netback, xenvif_set_hash_mapping',
    backend: {
      setHashMapping: (vif, data) => (data[1] + data[2] > 0xffffffff ? SUCCESS : correct.setHashMapping(vif, data)),
    },
  },
  {
    id: 'backend.hash.failure-clears-table',
    breaks: 'HASH-30',
    fault: 'clears the mapping table when a change of the table fails',
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
    fault: 'accepts a mapping table only from a page that it may write',
    backend: {
      setHashMapping(vif, data) {
        const bytes = vif.steps.readMessage(vif, data[0], 1) ?? new Uint8Array(1);
        const [status] = vif.domain.grants.copyTo([
          { domain: vif.control?.frontend ?? 0, ref: data[0], offset: 0, bytes },
        ]);
        return status === 0 ? correct.setHashMapping(vif, data) : INVALID_PARAMETER;
      },
    },
  },
  {
    id: 'backend.hash.beyond-page',
    breaks: 'HASH-32',
    fault: 'responds SUCCESS to a mapping table that is longer than a page',
    backend: {
      setHashMapping: (vif, data) => (data[1] === 1025 ? SUCCESS : correct.setHashMapping(vif, data)),
    },
  },
  {
    id: 'backend.hash.type-as-mask',
    breaks: 'HASH-33',
    fault: 'reports the hash type as a bit mask',
    backend: hashes((hash) => ({ ...hash, type: 1 << hash.type })),
  },
  {
    id: 'backend.hash.refuses-hashed',
    breaks: 'HASH-35',
    fault: 'refuses packets that carry a hash',
    seen: 'Linux xen-netback before 4.9',
    backend: refuses(({ extras }) => extras.some(({ type }) => type === 'hash')),
  },
  {
    id: 'backend.hash.keeps-settings',
    breaks: 'HASH-38',
    fault: 'keeps its hash settings across a reconnect',
    seen: 'Linux xen-netback',
    backend: {
      closeControl(vif) {
        vif.hashing.reset = () => {};
        correct.closeControl(vif);
      },
    },
  },
  {
    id: 'backend.hash.kept-without-ring',
    breaks: 'HASH-36',
    fault: 'keeps its hash settings for a frontend that connects again without a control ring',
    seen: 'Linux xen-netback 6.1: xenvif_disconnect_ctrl leaves the settings of the vif unchanged',
    backend: {
      closeControl(vif) {
        const { algorithm, flags, key, mapping } = vif.hashing;
        correct.closeControl(vif);
        Object.assign(vif.hashing, { algorithm, flags, key, mapping });
      },
      openControl(vif, ...rest) {
        vif.hashing.reset();
        correct.openControl(vif, ...rest);
      },
    },
  },
  {
    id: 'backend.hash.several-queues-only',
    breaks: 'HASH-39',
    fault: 'sends hashes only to frontends with several queues',
    backend: hashes((hash, vif) => (vif.queues.length > 1 ? hash : undefined)),
  },
  {
    id: 'backend.hash.options-for-ports',
    breaks: 'HASH-41',
    fault: 'treats IP options as ports',
    backend: hashes((hash, _, frame) => (hasOptions(frame) ? { ...hash, value: 0x01010101 } : hash)),
  },
  {
    id: 'backend.hash.fragment-ports',
    breaks: 'HASH-42',
    fault: 'treats bytes of an IP fragment as ports',
    backend: hashes((hash, _, frame) => (isFragment(frame) ? { type: HASH_TYPE.ipv4Tcp, value: 0xf0f0 } : hash)),
  },
  {
    id: 'backend.hash.from-199',
    breaks: 'TOEP-02',
    fault: 'computes wrong hashes for packets from 199/8',
    backend: wrongFrom(26, 199),
  },
  {
    id: 'backend.hash.from-24',
    breaks: 'TOEP-03',
    fault: 'computes wrong hashes for packets from 24/8',
    backend: wrongFrom(26, 24),
  },
  {
    id: 'backend.hash.from-38',
    breaks: 'TOEP-04',
    fault: 'computes wrong hashes for packets from 38/8',
    backend: wrongFrom(26, 38),
  },
  {
    id: 'backend.hash.from-153',
    breaks: 'TOEP-05',
    fault: 'computes wrong hashes for packets from 153/8',
    backend: wrongFrom(26, 153),
  },
  {
    id: 'backend.hash.from-3ffe-5xx',
    breaks: 'TOEP-07',
    fault: 'computes wrong hashes for packets from 3ffe:5xx::/24',
    backend: wrongFrom(24, 5),
  },
  {
    id: 'backend.hash.from-3ffe-19xx',
    breaks: 'TOEP-08',
    fault: 'computes wrong hashes for packets from 3ffe:19xx::/24',
    backend: wrongFrom(24, 25),
  },
  {
    id: 'backend.hash.any-queue-offered',
    breaks: 'HASH-28',
    fault: 'compares the entries of a mapping table with the number of queues that it offers',
    backend: {
      setHashMapping(vif, data) {
        const bytes = vif.steps.readMessage(vif, data[0], data[1] * 4);
        const last = bytes?.length ? new DataView(bytes.buffer).getUint32(bytes.length - 4, true) : undefined;
        const isOffered = last !== undefined && last >= vif.queues.length && last < vif.steps.maxQueues();
        return isOffered ? SUCCESS : correct.setHashMapping(vif, data);
      },
    },
  },
  {
    id: 'backend.hash.one-key-for-all',
    breaks: 'TOEP-01',
    fault: 'uses the key that was set last on any of its vifs',
    backend: (() => {
      const keys = new WeakMap<object, Uint8Array<ArrayBuffer>>();
      return {
        setHashKey(vif, data) {
          const answer = correct.setHashKey(vif, data);
          keys.set(vif.domain, vif.hashing.key);
          return answer;
        },
        hash(vif, frame) {
          if (vif.hashing.key.length > 0) vif.hashing.key = keys.get(vif.domain) ?? vif.hashing.key;
          return correct.hash(vif, frame);
        },
      } satisfies Defect['backend'];
    })(),
  },
];
