/** Choices that the headers leave for the life of a connection: states, keys, and the handling of invalid keys. */
import { KEY } from '../../../protocol/netif.js';
import { BACKEND_STEPS as correct, readNumber, type BackendSteps } from '../../backend-steps.js';
import { STATE } from '../../bus.js';
import type { LegalDriver } from '../legal.js';
import {
  closedAtOnce,
  closingFirst,
  connectedAlone,
  connectsOnce,
  lateConnected,
  lateInitWait,
  reconfiguringFatal,
  releasesLate,
  removesItself,
  throughInitialised,
  waitsForToolstack,
  walking,
} from '../support/backend-walks.js';
import { later } from '../support/backend-queues.js';

const STATES = 'xenbus.h, enum xenbus_state, only names the states; netif.h has no state machine';

/** Refuses a frontend that does not request copies. */
const copiesAlone: Partial<BackendSteps> = {
  async connect(vif) {
    if ((await readNumber(vif, KEY.requestRxCopy, 0)) === 0)
      throw new RangeError('the frontend does not request copies');
    await correct.connect(vif);
  },
};

export const CONNECTIONS: readonly LegalDriver[] = [
  {
    id: 'backend.init-wait-late',
    choice: 'goes to InitWait 500 ms after its directory appears',
    source:
      'Linux drivers/net/xen-netback/xenbus.c, netback_probe: after module loading and hotplug; no header sets a time',
    backend: walking(lateInitWait(500)),
  },
  {
    id: 'backend.connected-late',
    choice: 'connects 500 ms after the frontend',
    source: 'Linux drivers/net/xen-netback/xenbus.c, hotplug_status_changed, v6.1: waits for the hotplug script',
    backend: walking(lateConnected(500)),
  },
  {
    id: 'backend.connected-alone',
    choice: 'connects a frontend in Connected, and waits for one in Initialised',
    source:
      'Linux drivers/net/xen-netback/xenbus.c, frontend_changed, 0154ec71d597; QEMU xen_netdev_frontend_changed, 06b40d250ecf',
    backend: walking(connectedAlone),
  },
  {
    id: 'backend.through-initialised',
    choice: 'passes through Initialised on its way to Connected',
    source: STATES,
    backend: walking(throughInitialised),
  },
  {
    id: 'backend.connects-once',
    choice: 'does not follow a frontend that starts again after a close',
    source:
      'FreeBSD sys/dev/xen/netback/netback.c, xnb_frontend_changed: XenbusStateInitialising does nothing, 00a82464f219',
    backend: walking(connectsOnce),
    warns: ['XB-13', 'XB-30'],
  },
  {
    id: 'backend.reconfiguring-fatal',
    choice: 'closes when the frontend is Reconfiguring',
    source: 'FreeBSD sys/dev/xen/netback/netback.c, xnb_frontend_changed: default is xenbus_dev_fatal, 00a82464f219',
    backend: walking(reconfiguringFatal),
    warns: ['XB-05'],
  },
  {
    id: 'backend.closed-at-once',
    choice: 'goes to Closed when the frontend is Closing',
    source: STATES,
    backend: walking(closedAtOnce),
  },
  {
    id: 'backend.closing-first',
    choice: 'passes through Closing when the frontend goes straight to Closed',
    source: 'Linux drivers/net/xen-netback/xenbus.c, set_backend_state, 0154ec71d597',
    backend: walking(closingFirst),
  },
  {
    id: 'backend.releases-late',
    choice: 'keeps rings and channels until the frontend is Closed',
    source: 'QEMU hw/net/xen_nic.c, xen_netdev_frontend_changed, 06b40d250ecf',
    backend: walking(releasesLate),
  },
  {
    id: 'backend.removes-itself',
    choice: 'removes its own directory when the frontend closes',
    source: 'mirage/mirage-net-xen lib/xenstore.ml, disconnect_backend, 18662d1c2ab0',
    backend: walking(removesItself),
    warns: ['XB-13', 'XB-30'],
  },
  {
    id: 'backend.waits-for-toolstack',
    choice: 'keeps the connection of a frontend whose directory disappears, until its own is removed',
    source:
      'QEMU hw/xen/xen-legacy-backend.c, xen_be_check_state: XenbusStateUnknown of a frontend changes nothing, v7.2',
    backend: walking(waitsForToolstack),
    warns: ['XB-37'],
  },
  {
    id: 'backend.keys-refused-in-init-wait',
    choice: 'stays in InitWait with an error node when the keys are invalid',
    source:
      'netif.h, "Multiple transmit and receive queues": may choose not to connect any queues, treating the request as an error',
    backend: { refuse: (vif, reason) => vif.domain.store.write(`${vif.path}/error`, reason) },
    warns: ['XB-18'],
  },
  {
    id: 'backend.keys-refused-silently',
    choice: 'stays in InitWait without an error node when the keys are invalid',
    source: 'NetBSD xennetback_xenbus.c 1.125, xennetback_connect: err2 unmaps and returns',
    backend: { refuse: () => Promise.resolve() },
    warns: ['XB-18'],
  },
  {
    id: 'backend.keys-refused-closed',
    choice: 'goes through Closing to Closed with an error node when the keys are invalid',
    source: STATES,
    backend: {
      async refuse(vif, reason) {
        await correct.refuse(vif, reason);
        await vif.steps.setState(vif, STATE.closed);
      },
    },
  },
  {
    id: 'backend.too-many-queues-one',
    choice: 'connects one queue by the flat keys when more queues are requested than it has',
    source: 'netif.h, "Multiple transmit and receive queues": the backend may choose not to connect any queues',
    backend: {
      async queueCount(vif) {
        const count = await readNumber(vif, KEY.multiQueueNumQueues, 1);
        return count >= 1 && count <= vif.steps.maxQueues() ? count : 1;
      },
    },
  },
  {
    id: 'backend.stale-queues-refused',
    choice: 'refuses a frontend that has the keys of both layouts, those of one queue and those of several',
    source:
      'netif.h, "Multiple transmit and receive queues": may choose not to connect any queues if there is any inconsistency',
    backend: {
      async connect(vif) {
        const isSingle = (await vif.steps.queueCount(vif)) === 1;
        const stale = isSingle ? `queue-0/${KEY.txRingRef}` : KEY.txRingRef;
        if ((await vif.frontendKey(stale)) !== undefined) throw new RangeError(`${stale} of another connection`);
        await correct.connect(vif);
      },
    },
    warns: ['MQ-17'],
  },
  {
    id: 'backend.copies-alone',
    choice: 'refuses a frontend without request-rx-copy',
    source:
      'QEMU hw/net/xen_nic.c, xen_netdev_connect, 06b40d250ecf; NetBSD xennetback_xenbus.c 1.125, xennetback_connect',
    backend: copiesAlone,
  },
  {
    id: 'backend.key-by-key',
    choice: 'writes its keys one by one, in reverse order',
    source: 'QEMU hw/net/xen_nic.c, xen_netdev_realize, 06b40d250ecf',
    backend: {
      async advertise(vif) {
        for (const [key, value] of Object.entries(vif.steps.features()).reverse()) {
          await vif.domain.store.write(`${vif.path}/${key}`, value);
        }
      },
    },
  },
  {
    id: 'backend.features-late',
    choice: 'writes its keys after InitWait',
    source: 'QEMU hw/xen/xen-bus.c, xen_device_realize, v10: InitWait comes before xen_netdev_realize',
    backend: {
      advertise: () => Promise.resolve(),
      async setState(vif, state) {
        await correct.setState(vif, state);
        if (state === '2') await correct.advertise(vif);
      },
    },
    warns: ['XB-06', 'SEC-02'],
  },
  {
    id: 'backend.states-twice',
    choice: 'writes each state twice',
    source: 'Linux drivers/xen/xenbus/xenbus_client.c, __xenbus_switch_state may write again after a conflict',
    backend: {
      async setState(vif, state) {
        await correct.setState(vif, state);
        await correct.setState(vif, state);
      },
    },
  },
  {
    id: 'backend.hotplug-error-final',
    choice: 'gives up a vif silently whose hotplug script has failed',
    source: 'no header names hotplug-status',
    backend: (() => {
      const failed = new WeakSet<object>();
      return {
        async tryConnect(vif) {
          if ((await vif.domain.store.read(`${vif.path}/${KEY.hotplugStatus}`)) === 'error') failed.add(vif);
          if (!failed.has(vif)) await correct.tryConnect(vif);
        },
      } satisfies Partial<BackendSteps>;
    })(),
  },
  {
    id: 'backend.traffic-late',
    choice: 'serves its rings 200 ms after it is Connected',
    source:
      'NetBSD xennetback_xenbus.c 1.125, xennetback_connect: the handler is set up after the channel is bound; no header sets a time',
    backend: (() => {
      const serving = new WeakSet<object>();
      return {
        openQueue(vif, ...rest) {
          const queue = correct.openQueue(vif, ...rest);
          later(vif, queue, 200, () => {
            serving.add(queue);
            vif.steps.serve(vif, queue);
          });
          return queue;
        },
        serve(vif, queue) {
          if (serving.has(queue)) correct.serve(vif, queue);
        },
      } satisfies Partial<BackendSteps>;
    })(),
  },
  {
    id: 'backend.keys-refused-late',
    choice: 'waits 200 ms before it refuses invalid keys',
    source: 'no header sets a time',
    backend: {
      async refuse(vif, reason) {
        await new Promise<void>((resolve) => void vif.domain.clock.after(200, resolve));
        await correct.refuse(vif, reason);
      },
    },
  },
];
