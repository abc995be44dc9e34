/** Defects of the reference backend, chapter states. */
import { decodeRxRequest } from '../../../protocol/rx.js';
import { type DomId, type GrantRef, type Port, XenError } from '../../../xen/domain.js';
import { readOther, STATE } from '../../bus.js';
import type { BackendQueueState, BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { Defect } from '../defect.js';
import { mortalBackend } from '../support/mortal.js';

/** Changes of states that `ignores` returns true for pass unseen. */
function ignoring(ignores: (frontend: string | undefined, own: string | undefined) => boolean): Partial<BackendSteps> {
  return {
    async frontendChanged(vif) {
      const state = await readOther(vif.domain.store, `${vif.frontendPath}/state`);
      const own = await vif.domain.store.read(`${vif.path}/state`);
      if (ignores(state, own)) vif.seen = state;
      else await correct.frontendChanged(vif);
    },
  };
}

/** Refuses a frontend for good after it has refused it once. */
function refusesForGood(): Partial<BackendSteps> {
  const refused = new WeakSet<BackendVif>();
  return {
    async connect(vif) {
      if (refused.has(vif)) throw new RangeError('refused before');
      await correct.connect(vif);
    },
    async refuse(vif, reason) {
      refused.add(vif);
      await correct.refuse(vif, reason);
    },
  };
}

export const BACKEND_STATES_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.states.connects-twice',
    breaks: 'XB-09',
    fault: 'connects a frontend in Initialised, and once more in Connected',
    backend: {
      async frontendChanged(vif) {
        const state = await readOther(vif.domain.store, `${vif.frontendPath}/state`);
        const isSecond = state === STATE.connected && vif.seen === STATE.initialised && vif.queues.length > 0;
        if (!isSecond) return correct.frontendChanged(vif);
        vif.seen = state;
        await vif.steps.tryConnect(vif);
      },
    },
  },
  {
    id: 'backend.states.starts-again-at-connected',
    breaks: 'XB-09',
    fault: 'goes back to InitWait when a frontend that it has connected in Initialised goes to Connected',
    backend: {
      async frontendChanged(vif) {
        const state = await readOther(vif.domain.store, `${vif.frontendPath}/state`);
        if (state === STATE.connected && vif.seen === STATE.initialised) {
          vif.steps.disconnect(vif);
          await vif.steps.setState(vif, STATE.initWait);
        }
        await correct.frontendChanged(vif);
      },
    },
  },
  {
    id: 'backend.states.closes-connected-alone',
    breaks: 'XB-12',
    fault: 'ignores Closing and Closed of a frontend that has not connected',
    backend: ignoring((state, own) => own === STATE.initWait && (state === STATE.closing || state === STATE.closed)),
  },
  {
    id: 'backend.states.restarts-closed-alone',
    breaks: 'XB-30',
    fault: 'ignores Initialising of a frontend unless it has seen Closed',
    backend: ignoring((state, own) => state === STATE.initialising && own === STATE.connected),
  },
  {
    id: 'backend.states.refuses-for-good',
    breaks: 'XB-14',
    fault: 'refuses a frontend for good after invalid keys',
    backend: refusesForGood(),
  },
  {
    id: 'backend.states.keeps-control-page',
    breaks: 'CTRL-20',
    fault: 'keeps the control ring mapped if it cannot bind the event channel',
    backend: {
      openControl(vif, frontend, ref, channel) {
        const mapping = vif.domain.grants.map(frontend, [ref], 'read-write');
        vif.domain.events.unbind(vif.domain.events.bindInterdomain(frontend, channel));
        mapping.unmap();
        correct.openControl(vif, frontend, ref, channel);
      },
    },
  },
  {
    id: 'backend.states.keeps-rings',
    breaks: 'GNT-08',
    fault: 'keeps the rings of a queue mapped if it cannot bind an event channel',
    backend: {
      openQueue(vif, frontend, index, refs, channels) {
        try {
          return correct.openQueue(vif, frontend, index, refs, channels);
        } catch (error) {
          if (error instanceof XenError) vif.domain.grants.map(frontend, refs, 'read-write');
          throw error;
        }
      },
    },
  },
  {
    id: 'backend.states.keeps-first-queue',
    breaks: 'MQ-13',
    fault: 'keeps serving queue 0 if queue 1 cannot be connected, and goes to Closing',
    backend: {
      async tryConnect(vif) {
        try {
          await vif.steps.connect(vif);
        } catch (error) {
          if (!(error instanceof XenError || error instanceof RangeError)) throw error;
          for (const queue of vif.queues) vif.steps.serve(vif, queue);
          return vif.steps.refuse(vif, error.message);
        }
        await vif.steps.setState(vif, STATE.connected);
        for (const queue of vif.queues) vif.steps.serve(vif, queue);
      },
    },
  },
  {
    id: 'backend.states.error-nodes',
    breaks: 'XB-23',
    fault: 'writes an error node for every malformed packet',
    backend: {
      serveChain(vif, queue, chain) {
        const { fault } = chain;
        if (fault !== undefined) vif.domain.store.write(`${vif.path}/error`, fault).catch(vif.onError);
        correct.serveChain(vif, queue, chain);
      },
    },
  },
  {
    id: 'backend.states.keeps-channels',
    breaks: 'XB-12',
    fault: 'closes the event channels of all connections of a vif only when the vif is removed',
    backend: (() => {
      const left = new WeakMap<BackendVif, Port[]>();
      return {
        disconnect(vif) {
          const { store, events } = vif.domain;
          const ports = vif.queues.flatMap(({ txPort, rxPort }) => [...new Set([txPort, rxPort])]);
          for (const port of ports) vif.pump.off(port);
          for (const queue of vif.queues.splice(0)) {
            for (const table of [queue.mapped, queue.txPool, queue.rxPool]) table.clear();
            queue.mapping.unmap();
          }
          correct.disconnect(vif);
          const all = [...(left.get(vif) ?? []), ...ports];
          left.set(vif, all);
          // The domain may be gone before the answer comes, with all of its ports.
          void readOther(store, `${vif.path}/state`)
            .then((state) => {
              if (state === undefined) for (const port of all.splice(0)) events.unbind(port);
            })
            .catch(() => undefined);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.states.dies-of-early-frames',
    breaks: 'ROB-01',
    fault: 'ends service for every vif at a frame for one that is not connected',
    backend: mortalBackend((die) => ({
      accept(vif, queue, packet) {
        if (vif.bridgedTo?.queues.length === 0) die();
        correct.accept(vif, queue, packet);
      },
    })),
  },
  {
    id: 'backend.states.delivers-after-close',
    breaks: 'XB-12',
    fault: 'writes frames to the buffers that a frontend had posted when it closed',
    backend: (() => {
      const left = new WeakMap<BackendVif, { readonly frontend: DomId; readonly refs: GrantRef[] }>();
      return {
        disconnect(vif) {
          const [queue] = vif.queues;
          if (queue) left.set(vif, { frontend: queue.frontend, refs: takeAll(queue) });
          correct.disconnect(vif);
        },
        send(vif, usual, packet) {
          const { frontend = 0, refs = [] } = left.get(vif) ?? {};
          const ref = usual ? undefined : refs.shift();
          if (ref === undefined) return correct.send(vif, usual, packet);
          vif.domain.grants.copyTo([{ domain: frontend, ref, offset: 0, bytes: packet.frame }]);
        },
      } satisfies Defect['backend'];
    })(),
  },
];

/** The grants of the buffers that are posted on a queue, which is not used any more. */
function takeAll({ rx }: BackendQueueState): GrantRef[] {
  const ready = rx.unconsumed();
  const requests = Array.from({ length: ready.ok ? ready.value : 0 }, () => decodeRxRequest(rx.take()));
  return requests.flatMap((request) => (request.ok ? [request.value.gref] : []));
}
