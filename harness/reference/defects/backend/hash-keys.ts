/** Defects of the reference backend, chapter hash: keys. */
import { CTRL_STATUS } from '../../../protocol/netif.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import { MAX_KEY } from '../../hashing.js';
import type { Defect } from '../defect.js';
import { INVALID_PARAMETER, SUCCESS } from '../support/control.js';

export const BACKEND_HASH_KEYS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.hash.key-from-octet-1',
    breaks: 'HASH-13',
    fault: 'skips octet 0 of the key',
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
    fault: 'accepts a key only from a page that it may write',
    backend: {
      setHashKey(vif, data) {
        const bytes = vif.steps.readMessage(vif, data[0], data[1]);
        const [status] = vif.domain.grants.copyTo([
          { domain: vif.control?.frontend ?? 0, ref: data[0], offset: 0, bytes: bytes ?? new Uint8Array(1) },
        ]);
        return status === 0 ? correct.setHashKey(vif, data) : INVALID_PARAMETER;
      },
    },
  },
  {
    id: 'backend.hash.reads-key-later',
    breaks: 'HASH-15',
    fault: 'reads the key from its page again for each hash',
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
    fault: 'keeps the end of the old key after a shorter new key',
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
    fault: 'keeps the key when an empty key is set',
    backend: { setHashKey: (vif, data) => (data[1] === 0 ? SUCCESS : correct.setHashKey(vif, data)) },
  },
  {
    id: 'backend.hash.long-key-not-supported',
    breaks: 'HASH-19',
    fault: 'responds with NOT_SUPPORTED to a key that is too long',
    backend: {
      setHashKey: (vif, data) =>
        data[1] > MAX_KEY ? { status: CTRL_STATUS.notSupported } : correct.setHashKey(vif, data),
    },
  },
  {
    id: 'backend.hash.endless-key',
    breaks: 'HASH-20',
    fault: 'responds SUCCESS to a key that is longer than a page',
    backend: { setHashKey: (vif, data) => (data[1] > PAGE_SIZE ? SUCCESS : correct.setHashKey(vif, data)) },
  },
  {
    id: 'backend.hash.bad-key-okay',
    breaks: 'HASH-21',
    fault: 'responds SUCCESS to a key that it cannot read',
    backend: {
      setHashKey(vif, data) {
        const answer = correct.setHashKey(vif, data);
        return answer.status === CTRL_STATUS.invalidParameter ? SUCCESS : answer;
      },
    },
  },
  {
    id: 'backend.hash.key-cut-to-16',
    breaks: 'TOEP-06',
    fault: 'keeps only 16 octets of the key, which is enough for IPv4',
    backend: {
      setHashKey: (vif, [ref, size]) => correct.setHashKey(vif, [ref, Math.min(size, 16), 0]),
    },
  },
  {
    id: 'backend.hash.octet-0',
    breaks: 'TOEP-01',
    fault: 'overwrites octet 0 of the key',
    backend: {
      setHashKey(vif, data) {
        const answer = correct.setHashKey(vif, data);
        if (vif.hashing.key.length > 0) vif.hashing.key[0] = 0xff;
        return answer;
      },
    },
  },
  {
    id: 'backend.hash.empty-key-counts',
    breaks: 'TOEP-09',
    fault: 'uses a key of ones when an empty key is set',
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
    fault: 'pads a short key with ones',
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
