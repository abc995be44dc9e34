/** Choices on which the headers are silent: when a backend maps, carries traffic and writes by itself. */
import { KEY } from '../../../protocol/netif.js';
import { XenError } from '../../../xen/domain.js';
import type { BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { STATE } from '../../bus.js';
import type { LegalDriver } from '../legal.js';
import { every } from '../support/backend-queues.js';
import { lateClosing, lateConnected, lateInitWait, walking } from '../support/backend-walks.js';

const isPlugged = async (vif: BackendVif): Promise<boolean> =>
  (await vif.domain.store.read(`${vif.path}/${KEY.hotplugStatus}`)) === 'connected';

/** Passes packets only while the hotplug script has succeeded, which it looks up every 20 ms. */
function dropsUntilPlugged(): Partial<BackendSteps> {
  const up = new WeakSet<BackendVif>();
  return {
    openQueue(vif, ...rest) {
      const queue = correct.openQueue(vif, ...rest);
      const look = async (): Promise<void> => void ((await isPlugged(vif)) ? up.add(vif) : up.delete(vif));
      void look().catch(vif.onError);
      every(vif, queue, 20, () => void look().catch(() => undefined));
      return queue;
    },
    accept(vif, queue, packet) {
      if (up.has(vif)) correct.accept(vif, queue, packet);
    },
    send(vif, queue, packet) {
      if (up.has(vif)) correct.send(vif, queue, packet);
    },
  };
}

export const START_UP: readonly LegalDriver[] = [
  {
    id: 'backend.maps-after-connected',
    choice: 'goes to Connected first and maps the rings 50 ms later',
    source: 'xenbus.h, enum xenbus_state, only names the states; no header says what Connected promises',
    backend: {
      async tryConnect(vif) {
        const { steps, domain } = vif;
        await steps.setState(vif, STATE.connected);
        await new Promise<void>((resolve) => void domain.clock.after(50, resolve));
        try {
          await steps.connect(vif);
        } catch (error) {
          if (!(error instanceof XenError || error instanceof RangeError)) throw error;
          steps.disconnect(vif);
          return steps.refuse(vif, error.message);
        }
        for (const queue of vif.queues) steps.serve(vif, queue);
      },
    },
  },
  {
    id: 'backend.drops-until-hotplug',
    choice: 'connects at once and drops all packets until the hotplug script has succeeded',
    source: 'no header names hotplug-status; a vif without a bridge has no network',
    backend: dropsUntilPlugged(),
  },
  {
    id: 'backend.carrier-later',
    choice: 'writes carrier = 0 at first, and carrier = 1 when it is Connected',
    source: 'no header names the key; a backend may write more keys than the header lists',
    backend: {
      async advertise(vif) {
        await correct.advertise(vif);
        await vif.domain.store.write(`${vif.path}/carrier`, '0');
      },
      async setState(vif, state) {
        await correct.setState(vif, state);
        if (state === STATE.connected) await vif.domain.store.write(`${vif.path}/carrier`, '1');
      },
    },
  },
  {
    id: 'backend.counts-in-xenstore',
    choice: 'connects 300 ms after the frontend, and writes a counter in its directory every 100 ms',
    source: 'no header limits what a backend writes by itself',
    backend: {
      ...walking(lateConnected(300)),
      openQueue(vif, ...rest) {
        const queue = correct.openQueue(vif, ...rest);
        let count = 0;
        const write = (): Promise<void> => vif.domain.store.write(`${vif.path}/statistics/count`, String(++count));
        if (queue.index === 0) every(vif, queue, 100, () => void write().catch(() => undefined));
        return queue;
      },
    },
  },
  {
    id: 'backend.closing-late',
    choice: 'goes to Closing 1800 ms after the frontend',
    source: 'xenbus.h, enum xenbus_state, only names the states; no header sets a time',
    backend: walking(lateClosing(1800)),
  },
  {
    id: 'backend.handshake-late',
    choice:
      'goes to InitWait 3 s after its directory appears, connects 3 s after the frontend, and closes 3 s after it',
    source: 'xenbus.h, enum xenbus_state, only names the states; no header sets a time',
    backend: walking(lateInitWait(3000), lateConnected(3000), lateClosing(3000)),
  },
];
