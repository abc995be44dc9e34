/** Defects of the reference backend, chapter keys. */
import { KEY } from '../../../protocol/netif.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import { beyondRate } from '../../legal/support/backend-pace.js';
import type { Defect } from '../defect.js';
import { mortalBackend } from '../support/mortal.js';

export const BACKEND_KEYS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.keys.looks-once',
    breaks: 'XB-10',
    fault: 'looks for the result of the hotplug script when the frontend connects, and never again',
    backend: {
      async tryConnect(vif) {
        const status = await vif.domain.store.read(`${vif.path}/${KEY.hotplugStatus}`);
        if (status === 'connected') await correct.tryConnect(vif);
      },
    },
  },
  {
    id: 'backend.keys.limit-of-one-packet',
    breaks: 'XB-10',
    fault: 'with a rate, forwards one packet and waits for credit that never comes',
    backend: (() => {
      const credit = new WeakMap<object, number>();
      return {
        async connect(vif) {
          await correct.connect(vif);
          if (/^\d+,\d+$/.test((await vif.domain.store.read(`${vif.path}/rate`)) ?? '')) credit.set(vif, 1);
        },
        accept(vif, queue, packet) {
          const left = credit.get(vif);
          if (left !== undefined) credit.set(vif, left - 1);
          if (left === undefined || left > 0) correct.accept(vif, queue, packet);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.keys.burst-too-small',
    breaks: 'RING-09',
    fault: 'with a rate, waits for credit for a packet that is larger than the most credit that it ever has',
    seen: 'Linux xen-netback before the XSA-155 series: the credit is that of the last request, also for a large packet',
    backend: (() => {
      const stuck = new WeakSet<object>();
      return {
        ...beyondRate((_, queue) => void stuck.add(queue)),
        serveTx(vif, queue) {
          if (!stuck.has(queue)) correct.serveTx(vif, queue);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.keys.wrong-rate',
    breaks: 'ROB-01',
    fault: 'stops serving every vif after a rate that it cannot parse',
    backend: mortalBackend((die) => ({
      async connect(vif) {
        const rate = await vif.domain.store.read(`${vif.path}/rate`);
        if (rate !== undefined && !/^\d+,\d+$/.test(rate)) die();
        await correct.connect(vif);
      },
    })),
  },
  {
    id: 'backend.keys.flips',
    breaks: 'XB-18',
    fault: 'connects a frontend without request-rx-copy and delivers no packet to it',
    seen: 'NetBSD xennetback_xenbus.c 1.35: flips pages for a frontend that does not request copies',
    backend: (() => {
      const flipping = new WeakSet<object>();
      return {
        async readFeatures(vif) {
          await correct.readFeatures(vif);
          if ((await vif.frontendKey(KEY.requestRxCopy)) !== '1') flipping.add(vif);
        },
        deliver(vif, queue, packet) {
          if (!flipping.has(vif)) correct.deliver(vif, queue, packet);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.keys.default-features',
    breaks: 'CSUM-02',
    fault: 'connects a frontend without request-rx-copy as if it had no other feature key',
    seen: 'Linux xen-netback, read_xenbus_vif_flags(): ends at a missing request-rx-copy, and connect() ignores that, v6.1',
    backend: {
      async readFeatures(vif) {
        if ((await vif.frontendKey(KEY.requestRxCopy)) === '1') await correct.readFeatures(vif);
      },
    },
  },
  {
    id: 'backend.keys.queues-so-far',
    breaks: 'MQ-13',
    fault: 'connects the queues before the first one that it cannot connect',
    backend: {
      async connect(vif) {
        try {
          await correct.connect(vif);
        } catch (error) {
          if (vif.queues.length === 0) throw error;
        }
      },
    },
  },
];
