/** Defects of the staging grants of the reference backend. */
import { KEY } from '../../protocol/netif.js';
import { BACKEND_STEPS as correct } from '../backend-steps.js';
import type { Defect } from './defect.js';
import { claimsToFill, keepsOverClose } from './mapped.js';

export const STAGING_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.staging.value',
    breaks: 'STAG-01',
    fault: 'advertises staging grants as 512',
    backend: { features: () => ({ ...correct.features(), [KEY.featureStagingGrants]: '512' }) },
  },
  {
    id: 'backend.staging.fatal-size',
    breaks: 'STAG-06',
    fault: 'drops everything of a vif whose pool has a strange size',
    backend: {
      openPool(vif, queue, pool, ref, size) {
        correct.openPool(vif, queue, pool, ref, size);
        if (ref >= 0 && pool.size === 0) queue.tx.unconsumed = () => ({ ok: false, reason: 'no pool' });
      },
    },
  },
  {
    id: 'backend.staging.wants-zero-padding',
    breaks: 'STAG-07',
    fault: 'drops everything of a vif whose entries have something in their padding',
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
    fault: 'reads no flag and maps every entry for writing',
    backend: {
      mapEntries: (table, entries) =>
        correct.mapEntries(
          table,
          entries.map((entry) => ({ ...entry, flags: 0 })),
        ),
    },
  },
  {
    id: 'backend.staging.writes-readonly',
    breaks: 'STAG-11',
    fault: 'claims to have filled a readonly buffer',
    backend: claimsToFill('rxPool'),
  },
  {
    id: 'backend.staging.pool-only',
    breaks: 'STAG-12',
    fault: 'takes only grants of the pool where there is one',
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
    fault: 'keeps the entries in front of a bad one mapped',
    backend: { mapEntries: (table, entries) => entries.every((entry) => correct.mapEntries(table, [entry])) },
  },
  {
    id: 'backend.staging.kept-over-close',
    breaks: 'STAG-14',
    fault: 'keeps the pools mapped over the end of the connection',
    backend: keepsOverClose('rxPool'),
  },
  {
    id: 'backend.staging.dies-of-table',
    breaks: 'STAG-15',
    fault: 'asserts that a table can be read',
    seen: 'UEK4 netback',
    backend: {
      openPool(vif, queue, pool, ref, size) {
        if (ref < 0x1000000) correct.openPool(vif, queue, pool, ref, size);
        else queue.rx.put = () => 0;
      },
    },
  },
];
