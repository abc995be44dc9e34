/** Defects of the reference frontend, chapter staging. */
import { KEY, queueDirectory } from '../../../protocol/netif.js';
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { Defect } from '../defect.js';
import { writesLate } from '../support/frontend.js';

export const FRONTEND_STAGING_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.staging.unasked',
    breaks: 'STAG-02',
    fault: 'offers pools to every backend',
    frontend: {
      queueKeys: (queue) => ({ ...correct.queueKeys(queue), [KEY.txPoolRef]: '8', [KEY.txPoolSize]: '1' }),
    },
  },
  {
    id: 'frontend.staging.dead-without',
    breaks: 'STAG-17',
    fault: 'sends no frame of 100 bytes or more to a backend without staging grants',
    frontend: {
      transmit(vif, queue, packet) {
        if (vif.offers[KEY.featureStagingGrants] || packet.frame.length < 100) correct.transmit(vif, queue, packet);
      },
    },
  },
  {
    id: 'frontend.staging.no-rx-size',
    breaks: 'STAG-03',
    fault: 'names the table of its rx pool without the size',
    frontend: {
      poolKeys(vif, queue) {
        const keys = Object.entries(correct.poolKeys(vif, queue));
        return Object.fromEntries(keys.filter(([key]) => key !== KEY.rxPoolSize));
      },
    },
  },
  {
    id: 'frontend.staging.late',
    breaks: 'STAG-16',
    fault: 'writes the keys of its pools after the backend is Connected',
    frontend: (() => {
      const late = new WeakMap<object, Record<string, string>[]>();
      return {
        poolKeys(vif, queue) {
          const pools = late.get(vif) ?? [];
          late.set(vif, pools);
          pools[queue.index] = correct.poolKeys(vif, queue);
          return {};
        },
        ...writesLate((vif) => {
          const at = (n: number): string => (vif.queues.length > 1 ? `${queueDirectory(n)}/` : '');
          const pools = late.get(vif)?.slice(0, vif.queues.length) ?? [];
          return Object.fromEntries(
            pools.flatMap((keys, n) => Object.entries(keys).map(([key, value]) => [`${at(n)}${key}`, value] as const)),
          );
        }),
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.staging.size',
    breaks: 'STAG-05',
    fault: 'writes a pool size of more entries than a page holds',
    frontend: { poolKeys: (vif, queue) => ({ ...correct.poolKeys(vif, queue), [KEY.rxPoolSize]: '1024' }) },
  },
  {
    id: 'frontend.staging.one-table',
    breaks: 'STAG-08',
    fault: 'uses the same table for both pools',
    frontend: {
      poolKeys(vif, queue) {
        const keys = correct.poolKeys(vif, queue);
        return { ...keys, [KEY.rxPoolRef]: keys[KEY.txPoolRef] ?? '' };
      },
    },
  },
  {
    id: 'frontend.staging.ring-for-table',
    breaks: 'STAG-04',
    fault: 'passes the tx ring as the table of a pool',
    frontend: {
      poolKeys: (vif, queue) => ({ ...correct.poolKeys(vif, queue), [KEY.txPoolRef]: String(queue.rings[0]?.ref) }),
    },
  },
  {
    id: 'frontend.staging.short-entries',
    breaks: 'STAG-07',
    fault: 'writes table entries of four bytes',
    frontend: {
      poolTable(vif, queue, pool, flags) {
        const ref = correct.poolTable(vif, queue, pool, flags);
        const table = queue.tables.at(-1);
        table?.page.copyIn(0, new Uint8Array(new Uint32Array(pool.refs.flatMap((each) => [each, each])).buffer));
        table?.page.copyIn(8, new Uint8Array(new Uint32Array(pool.refs.map((each) => each + 9000)).buffer));
        return ref;
      },
    },
  },
  {
    id: 'frontend.staging.no-flag',
    breaks: 'STAG-09',
    fault: 'omits the readonly flag',
    frontend: { poolTable: (vif, queue, pool) => correct.poolTable(vif, queue, pool, 0) },
  },
  {
    id: 'frontend.staging.swapped',
    breaks: 'STAG-19',
    fault: 'passes the table of each pool under the key of the other',
    frontend: {
      poolKeys(vif, queue) {
        const keys = correct.poolKeys(vif, queue);
        return {
          [KEY.txPoolRef]: keys[KEY.rxPoolRef] ?? '',
          [KEY.txPoolSize]: keys[KEY.rxPoolSize] ?? '',
          [KEY.rxPoolRef]: keys[KEY.txPoolRef] ?? '',
          [KEY.rxPoolSize]: keys[KEY.txPoolSize] ?? '',
        };
      },
    },
  },
];
