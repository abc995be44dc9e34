/** Defects of the reference backend, chapter staging. */
import { KEY } from '../../../protocol/netif.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import type { Defect } from '../defect.js';
import { mapsForWriting } from '../../legal/support/backend-mapping.js';
import { claimsToFill, keepsOverClose } from '../support/mapped.js';
import { isPing } from '../support/packets.js';

export const BACKEND_STAGING_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.staging.value',
    breaks: 'STAG-01',
    fault: 'advertises feature-staging-grants = 512',
    backend: { features: () => ({ ...correct.features(), [KEY.featureStagingGrants]: '512' }) },
  },
  {
    id: 'backend.staging.fatal-size',
    breaks: 'STAG-06',
    fault: 'stops serving tx on a queue whose pool has an invalid size',
    backend: {
      openPool(vif, queue, pool, ref, size) {
        correct.openPool(vif, queue, pool, ref, size);
        if (ref >= 0 && pool.size === 0) queue.tx.unconsumed = () => ({ ok: false, reason: 'no pool' });
      },
    },
  },
  {
    id: 'backend.staging.size-wraps',
    breaks: 'STAG-06',
    fault:
      'counts the bytes of a table in 32 bits, and stops serving tx on a queue whose pool is larger than its table',
    seen: 'UEK4 netback (33e35401): the size of a pool times 8 is a 32-bit number',
    backend: {
      openPool(vif, queue, pool, ref, size) {
        correct.openPool(vif, queue, pool, ref, size);
        const count = Number(size ?? 0);
        if (ref >= 0 && count > PAGE_SIZE / 8 && (count * 8) >>> 0 <= PAGE_SIZE)
          queue.tx.unconsumed = () => ({ ok: false, reason: 'no pool' });
      },
    },
  },
  {
    id: 'backend.staging.wants-zero-padding',
    breaks: 'STAG-07',
    fault: 'stops serving tx on a queue whose table has non-zero padding',
    backend: {
      openPool(vif, queue, pool, ref, size) {
        const [table] = vif.domain.grants.copyFrom([{ domain: queue.frontend, ref, offset: 6, length: 2 }]);
        if (table?.bytes.some((byte) => byte !== 0)) queue.tx.unconsumed = () => ({ ok: false, reason: 'padding' });
        else correct.openPool(vif, queue, pool, ref, size);
      },
    },
  },
  {
    id: 'backend.staging.writable',
    breaks: 'STAG-10',
    fault: 'ignores the readonly flag and maps every entry for writing',
    backend: { mapEntries: mapsForWriting },
  },
  {
    id: 'backend.staging.writes-readonly',
    breaks: 'STAG-11',
    fault: 'responds as if it had filled a readonly buffer',
    backend: claimsToFill('rxPool'),
  },
  {
    id: 'backend.staging.pool-only',
    breaks: 'STAG-12',
    fault: 'refuses packets outside the pool when there is a pool',
    backend: {
      fetch: (vif, queue, chain) =>
        queue.txPool.size > 0 && chain.requests.some(({ gref }) => !queue.txPool.has(gref))
          ? undefined
          : correct.fetch(vif, queue, chain),
    },
  },
  {
    id: 'backend.staging.keeps-half',
    breaks: 'STAG-13',
    fault: 'keeps the entries before an invalid entry mapped',
    backend: { mapEntries: (table, entries) => entries.every((entry) => correct.mapEntries(table, [entry])) },
  },
  {
    id: 'backend.staging.kept-over-close',
    breaks: 'STAG-14',
    fault: 'keeps the pools mapped after the end of the connection',
    backend: keepsOverClose('rxPool'),
  },
  {
    id: 'backend.staging.dies-of-table',
    breaks: 'STAG-15',
    fault: 'stops responding on rx when the table cannot be read',
    seen: 'UEK4 netback: asserts that the table can be read',
    backend: {
      openPool(vif, queue, pool, ref, size) {
        if (ref < 0x1000000) correct.openPool(vif, queue, pool, ref, size);
        else queue.rx.put = () => 0;
      },
    },
  },
  {
    id: 'backend.staging.half-pool',
    breaks: 'STAG-12',
    fault: 'drops the pings of a vif whose pool has more than 256 entries',
    backend: {
      accept(vif, queue, packet) {
        if (queue.rxPool.size <= 256 || !isPing(packet.frame)) correct.accept(vif, queue, packet);
      },
    },
  },
  {
    id: 'backend.staging.pool-of-one',
    breaks: 'STAG-12',
    fault: 'stops serving tx on a queue whose pool has one entry',
    backend: {
      openPool(vif, queue, pool, ref, size) {
        correct.openPool(vif, queue, pool, ref, size);
        if (pool.size === 1) queue.tx.unconsumed = () => ({ ok: false, reason: 'no second entry' });
      },
    },
  },
  {
    id: 'backend.staging.whole-pages',
    breaks: 'STAG-12',
    fault: 'reads a page of the tx pool from its start, whatever the offset',
    backend: {
      fetch: (vif, queue, chain) =>
        correct.fetch(vif, queue, {
          ...chain,
          requests: chain.requests.map((each) => (queue.txPool.has(each.gref) ? { ...each, offset: 0 } : each)),
        }),
    },
  },
  {
    id: 'backend.staging.first-pool',
    breaks: 'STAG-12',
    fault: 'looks for the pages of every queue in the pool of queue 0, and refuses other ones',
    backend: {
      fetch: (vif, queue, chain) =>
        chain.requests.some(({ gref }) => queue.txPool.has(gref) && vif.queues[0]?.txPool.has(gref) !== true)
          ? undefined
          : correct.fetch(vif, queue, chain),
    },
  },
  {
    id: 'backend.staging.no-extras',
    breaks: 'STAG-12',
    fault: 'refuses packets with extras in grants of the tx pool',
    backend: {
      fetch: (vif, queue, chain) =>
        chain.extras.length > 0 && chain.requests.some(({ gref }) => queue.txPool.has(gref))
          ? undefined
          : correct.fetch(vif, queue, chain),
    },
  },
  {
    id: 'backend.staging.small-at-start',
    breaks: 'STAG-12',
    fault: 'reads a small packet in a grant of the tx pool from the start of its page',
    backend: {
      fetch(vif, queue, chain) {
        const [first, ...more] = chain.requests;
        const page = first && more.length === 0 && first.size <= 128 ? queue.txPool.page(first.gref) : undefined;
        return page && first ? page.copyOut(0, first.size) : correct.fetch(vif, queue, chain);
      },
    },
  },
];
