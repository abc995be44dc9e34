/** Defects of the reference frontend, chapter handles: what it remembers of a vif by its handle. */
import { KEY } from '../../../protocol/netif.js';
import { readOther, STATE } from '../../bus.js';
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { FrontendVif } from '../../frontend.js';
import type { Defect } from '../defect.js';

/** What a driver remembers of its vifs: one value for each domain in which it runs. */
function byDomain<T>(make: () => T): (vif: FrontendVif) => T {
  const known = new WeakMap<object, T>();
  return ({ domain }) => {
    const value = known.get(domain) ?? make();
    known.set(domain, value);
    return value;
  };
}

export const FRONTEND_HANDLES_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.handles.remembers-state',
    breaks: 'XB-14',
    fault: 'ignores a backend in InitWait if that was the last state of an earlier backend with the same handle',
    frontend: (() => {
      const states = byDomain(() => new Map<string, string>());
      return {
        async backendChanged(vif) {
          const state = await readOther(vif.domain.store, `${vif.backendPath}/state`);
          const isKnown = vif.seen === undefined && state === STATE.initWait && states(vif).get(vif.path) === state;
          if (state !== undefined) states(vif).set(vif.path, state);
          if (!isKnown) await correct.backendChanged(vif);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.handles.requests-once',
    breaks: 'XB-19',
    fault: 'writes request-rx-copy only for the first vif with a handle',
    frontend: (() => {
      const vifs = byDomain(() => new Map<string, FrontendVif>());
      return {
        async publish(vif, keys) {
          const first = vifs(vif).get(vif.path) ?? vif;
          vifs(vif).set(vif.path, first);
          const own = Object.entries(keys).filter(([key]) => first === vif || key !== KEY.requestRxCopy);
          await correct.publish(vif, Object.fromEntries(own));
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.handles.finds-by-prefix',
    breaks: 'ROB-02',
    fault: 'disconnects all vifs whose handle begins with that of a vif that is closed',
    frontend: (() => {
      const vifs = byDomain(() => new Set<FrontendVif>());
      return {
        async connect(vif) {
          vifs(vif).add(vif);
          await correct.connect(vif);
        },
        async closeWith(vif, state, own) {
          await correct.closeWith(vif, state, own);
          for (const each of vifs(vif)) if (each.path.startsWith(vif.path)) correct.disconnect(each);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.handles.refuses-for-good',
    breaks: 'XB-16',
    fault: 'never connects to a backend that it refused once',
    frontend: (() => {
      const refused = new WeakSet<FrontendVif>();
      return {
        async accepts(vif) {
          if (!(await correct.accepts(vif))) refused.add(vif);
          return !refused.has(vif);
        },
      } satisfies Defect['frontend'];
    })(),
  },
];
