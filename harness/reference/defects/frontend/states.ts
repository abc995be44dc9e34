/** Defects of the reference frontend, chapter states. */
import { KEY } from '../../../protocol/netif.js';
import type { Watch } from '../../../xen/domain.js';
import { readOther, STATE } from '../../bus.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendVif } from '../../frontend.js';
import type { Defect } from '../defect.js';
import { Counts } from '../support/counts.js';
import { mortalFrontend } from '../support/mortal.js';

/** Calls `changed` for each change of a key of the backend while the vif is connected. */
const watches = (
  key: string,
  changed: (vif: FrontendVif, value: string | undefined) => unknown,
): Pick<FrontendSteps, 'connect' | 'disconnect'> => {
  const open = new WeakMap<FrontendVif, Watch>();
  return {
    async connect(vif) {
      await correct.connect(vif);
      const path = `${vif.backendPath}/${key}`;
      // A watch also fires when it is registered.
      let isFirst = true;
      const see = async (): Promise<void> => {
        const value = await readOther(vif.domain.store, path);
        if (!isFirst && open.has(vif)) await changed(vif, value);
        isFirst = false;
      };
      open.set(vif, await vif.domain.store.watch(path, () => void see().catch(vif.onError)));
    },
    disconnect(vif) {
      open.get(vif)?.close().catch(vif.onError);
      open.delete(vif);
      correct.disconnect(vif);
    },
  };
};

export const FRONTEND_STATES_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.states.closes-again',
    breaks: 'XB-15',
    fault: 'goes back to Closing when its backend goes to Closed after it',
    frontend: {
      async closeWith(vif, state, own) {
        if (own === STATE.closed) await vif.steps.setState(vif, STATE.closing);
        else await correct.closeWith(vif, state, own);
      },
    },
  },
  {
    id: 'frontend.states.closes-with-rings',
    breaks: 'XB-15',
    fault: 'ignores a backend that closes while the frontend is in Initialising',
    frontend: {
      async follow(vif, state, own) {
        if (own !== STATE.initialising || state === STATE.initWait) await correct.follow(vif, state, own);
      },
    },
  },
  {
    id: 'frontend.states.waits-for-closing',
    breaks: 'XB-32',
    fault: 'waits for Closing if the backend is Closed before the frontend is Connected',
    frontend: {
      async follow(vif, state, own) {
        if (state !== STATE.closed || own === STATE.connected || own === STATE.closed) {
          await correct.follow(vif, state, own);
        }
      },
    },
  },
  {
    id: 'frontend.states.dies-of-early-packets',
    breaks: 'ROB-02',
    fault: 'stops serving every vif if packets arrived before it was Connected and it then closes',
    frontend: mortalFrontend((die) => {
      const early = new WeakSet();
      const started = new WeakSet();
      return {
        start(vif) {
          started.add(vif);
          correct.start(vif);
        },
        takeRx(vif, queue, count) {
          if (count > 0 && !started.has(vif)) early.add(vif);
          correct.takeRx(vif, queue, count);
        },
        async closeWith(vif, state, own) {
          if (early.has(vif) && own === STATE.initialised) die();
          await correct.closeWith(vif, state, own);
        },
      };
    }),
  },
  {
    id: 'frontend.states.dies-of-late-responses',
    breaks: 'ROB-02',
    fault: 'stops serving every vif after a tx response that arrives once it is Closed',
    frontend: mortalFrontend((die) => {
      const over = new WeakSet();
      return {
        async closeWith(vif, state, own) {
          if (own === STATE.closed) return correct.closeWith(vif, state, own);
          over.add(vif);
          await vif.steps.setState(vif, STATE.closing);
          await vif.steps.setState(vif, STATE.closed);
        },
        serveTx(vif, queue) {
          const ready = queue.tx.unconsumed();
          if (over.has(vif) && ready.ok && ready.value > 0) die();
          correct.serveTx(vif, queue);
        },
      };
    }),
  },
  {
    id: 'frontend.states.starts-again',
    breaks: 'XB-33',
    fault: 'goes back to Initialising when its backend is Closed and offline',
    seen: 'win-xenvif before 1c3bc5f',
    frontend: (() => {
      const again = new WeakSet();
      return {
        async closeWith(vif, state, own) {
          await correct.closeWith(vif, state, own);
          if (state !== STATE.closed || own !== STATE.closed || again.has(vif)) return;
          again.add(vif);
          await vif.steps.setState(vif, STATE.initialising);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.states.closes-offline',
    breaks: 'XB-34',
    fault: 'closes as soon as online is not 1',
    frontend: watches(KEY.online, (vif, value) =>
      value === '1' ? undefined : vif.steps.closeWith(vif, STATE.closing, STATE.connected),
    ),
  },
  {
    id: 'frontend.states.forgets-at-init-wait',
    breaks: 'XB-21',
    fault: 'ends its rings when the backend writes InitWait again',
    frontend: watches('state', (vif, value) => {
      if (value === STATE.initWait) vif.steps.disconnect(vif);
    }),
  },
  {
    id: 'frontend.states.ends-at-reconfigured',
    breaks: 'XB-05',
    fault: 'closes when the backend is Reconfigured',
    frontend: {
      async follow(vif, state, own) {
        if (state === STATE.reconfigured) await vif.steps.closeWith(vif, state, own);
        else await correct.follow(vif, state, own);
      },
    },
  },
  {
    id: 'frontend.states.discards-at-checkpoint',
    breaks: 'XB-36',
    fault: 'discards its connection when the save of its guest is cancelled',
    frontend: { wake: (vif) => vif.steps.resume(vif) },
  },
  {
    id: 'frontend.states.dies-of-return',
    breaks: 'ROB-02',
    fault: 'stops serving every vif when the backend of a connected vif is back in InitWait',
    frontend: mortalFrontend((die) => ({
      async follow(vif, state, own) {
        if (state === STATE.initWait && own === STATE.connected) die();
        await correct.follow(vif, state, own);
      },
    })),
  },
  {
    id: 'frontend.states.carrier-by-changes',
    breaks: 'LINK-03',
    fault: 'reads the carrier node only when it changes',
    frontend: {
      ...watches(KEY.carrier, (vif, value) => {
        vif.carrier = value !== '0';
      }),
      followCarrier: () => Promise.resolve(),
    },
  },
  {
    id: 'frontend.states.carrier-needs-key',
    breaks: 'LINK-02',
    fault: 'keeps the carrier as it is when the carrier node disappears',
    frontend: {
      async followCarrier(vif) {
        const path = `${vif.backendPath}/${KEY.carrier}`;
        const read = async (): Promise<void> => {
          const value = await readOther(vif.domain.store, path);
          if (value !== undefined) vif.carrier = value !== '0';
        };
        vif.carrier = true;
        await read();
        vif.carrierWatch = await vif.domain.store.watch(path, () => void read().catch(vif.onError));
      },
    },
  },
  {
    id: 'frontend.states.carrier-once',
    breaks: 'LINK-03',
    fault: 'follows the carrier in the first connection of a vif only',
    frontend: (() => {
      const connections = new Counts();
      return {
        async followCarrier(vif) {
          if (connections.next(vif) === 1) await correct.followCarrier(vif);
          else vif.carrier = true;
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.states.carrier-wakes-first-queue',
    breaks: 'LINK-03',
    fault: 'sends on its first queue only once it has been without a carrier',
    frontend: (() => {
      const stopped = new WeakSet<object>();
      return {
        async followCarrier(vif) {
          await correct.followCarrier(vif);
          const path = `${vif.backendPath}/${KEY.carrier}`;
          const stop = async (): Promise<void> => {
            if ((await readOther(vif.domain.store, path)) !== '0') return;
            for (const queue of vif.queues.slice(1)) stopped.add(queue);
          };
          const [first, own] = [
            vif.carrierWatch,
            await vif.domain.store.watch(path, () => void stop().catch(vif.onError)),
          ];
          vif.carrierWatch = { close: async () => void (await Promise.all([first?.close(), own.close()])) };
        },
        transmit(vif, queue, packet) {
          if (!stopped.has(queue)) correct.transmit(vif, queue, packet);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.states.twenty-connections',
    breaks: 'XB-14',
    fault: 'refuses the 21st connection of a vif',
    frontend: (() => {
      const connections = new Counts();
      return {
        accepts: async (vif) => connections.next(vif) <= 20 && correct.accepts(vif),
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.states.wakes-once',
    breaks: 'XB-36',
    fault: 'discards its connection when a second save of its guest is cancelled',
    frontend: (() => {
      const saves = new Counts();
      return {
        wake(vif) {
          if (saves.next(vif) > 1) vif.steps.resume(vif);
        },
      } satisfies Defect['frontend'];
    })(),
  },
];
