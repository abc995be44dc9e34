/** Defects of the reference backend, chapter pages. */
import { encodeGrefList } from '../../../protocol/gref.js';
import { CTRL_STATUS } from '../../../protocol/netif.js';
import { type GrantRef, type Mapping, XenError } from '../../../xen/domain.js';
import type { BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { Answer } from '../../control-steps.js';
import type { Defect } from '../defect.js';
import { SUCCESS } from '../support/control.js';

/** Keeps pages of control messages mapped until the vif disconnects. */
function keeping(
  steps: (keep: (vif: BackendVif, ref: GrantRef) => void) => Partial<BackendSteps>,
): Partial<BackendSteps> {
  const kept = new WeakMap<BackendVif, Mapping[]>();
  const keep = (vif: BackendVif, ref: GrantRef): void => {
    try {
      const mapping = vif.domain.grants.map(vif.control?.frontend ?? 0, [ref], 'read-only');
      kept.set(vif, [...(kept.get(vif) ?? []), mapping]);
    } catch (error) {
      if (!(error instanceof XenError)) throw error;
    }
  };
  return {
    ...steps(keep),
    closeControl(vif) {
      for (const mapping of kept.get(vif) ?? []) mapping.unmap();
      kept.delete(vif);
      correct.closeControl(vif);
    },
  };
}

const isRefused = ({ status }: Answer): boolean => status !== CTRL_STATUS.success;

export const BACKEND_PAGES_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.pages.keeps-key',
    breaks: 'HASH-15',
    fault: 'keeps the page of a key mapped',
    backend: keeping((keep) => ({
      setHashKey(vif, data) {
        const answer = correct.setHashKey(vif, data);
        if (!isRefused(answer) && data[1] > 0) keep(vif, data[0]);
        return answer;
      },
    })),
  },
  {
    id: 'backend.pages.keeps-refused-table',
    breaks: 'HASH-31',
    fault: 'keeps the page of a sub-table that it refuses mapped',
    backend: keeping((keep) => ({
      setHashMapping(vif, data) {
        const answer = correct.setHashMapping(vif, data);
        if (isRefused(answer)) keep(vif, data[0]);
        return answer;
      },
    })),
  },
  {
    id: 'backend.pages.half-the-statuses',
    breaks: 'GREF-23',
    fault: 'writes the statuses of at most 256 entries of a list',
    backend: { writeMessage: (vif, ref, bytes) => correct.writeMessage(vif, ref, bytes.subarray(0, 256 * 8)) },
  },
  {
    id: 'backend.pages.compares-flags',
    breaks: 'GREF-22',
    fault: 'removes a single entry only by the flags with which it was added',
    backend: (() => {
      const added = new WeakMap<object, Map<GrantRef, number>>();
      return {
        addGrefMapping(vif, data) {
          const queue = vif.queues[data[0]];
          const answer = correct.addGrefMapping(vif, data);
          if (!queue || isRefused(answer)) return answer;
          const flags = added.get(queue) ?? new Map<GrantRef, number>();
          for (const entry of vif.steps.readGrefList(vif, data[1], data[2]) ?? []) flags.set(entry.ref, entry.flags);
          added.set(queue, flags);
          return answer;
        },
        delGrefMapping(vif, data) {
          const [index, ref, size] = data;
          const queue = vif.queues[index];
          const [entry] = (queue && size === 1 && vif.steps.readGrefList(vif, ref, size)) || [];
          const before = queue && entry && added.get(queue)?.get(entry.ref);
          if (!entry || before === undefined || before === entry.flags) return correct.delGrefMapping(vif, data);
          vif.steps.writeMessage(vif, ref, encodeGrefList([{ ...entry, status: CTRL_STATUS.invalidParameter }]));
          return SUCCESS;
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.pages.hash-of-references',
    breaks: 'GREF-27',
    fault: 'treats references that are equal modulo 64 as the same mapped grant',
    backend: {
      fetch(vif, queue, chain) {
        const requests = chain.requests.map((request) => {
          if (queue.mapped.has(request.gref)) return request;
          const same = Array.from({ length: 64 }, (_, n) => request.gref + 64 * (n - 32));
          return { ...request, gref: same.find((ref) => queue.mapped.has(ref)) ?? request.gref };
        });
        return correct.fetch(vif, queue, { ...chain, requests });
      },
    },
  },
  {
    id: 'backend.pages.half-a-buffer',
    breaks: 'GREF-27',
    fault: 'writes at most 2048 bytes to a mapped buffer and reports all of them',
    backend: {
      fill(vif, queue, request, piece, flags) {
        const page = queue.mapped.page(request.gref);
        const half = 2048;
        const end =
          page?.writable === true ? page.copyOut(half, piece.length > half ? piece.length - half : 0) : undefined;
        correct.fill(vif, queue, request, piece, flags);
        if (end) page?.copyIn(half, end);
      },
    },
  },
];
