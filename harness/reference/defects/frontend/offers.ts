/** Defects of the reference frontend, chapter offers. */
import { KEY } from '../../../protocol/netif.js';
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { FrontendVif } from '../../frontend.js';
import type { Defect } from '../defect.js';

/** The most queues that a vif had in any of its connections. */
const most = new WeakMap<FrontendVif, number>();

/** The queues of a vif in its connection with the most queues. */
const mostQueues = (vif: FrontendVif): number => {
  most.set(vif, Math.max(most.get(vif) ?? 0, vif.queues.length));
  return most.get(vif) ?? 0;
};

export const FRONTEND_OFFERS_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.offers.leaves-keys',
    breaks: 'XB-35',
    fault: 'leaves the keys of its earlier connection when it connects again',
    seen: 'Linux xen-netfront (008f05a72d32), talk_to_netback',
    frontend: {
      async publish(vif, keys) {
        for (const [key, value] of Object.entries(keys)) await vif.domain.store.write(`${vif.path}/${key}`, value);
        await vif.steps.invite(vif);
      },
    },
  },
  {
    id: 'frontend.offers.same-queues',
    breaks: 'XB-24',
    fault: 'does not connect after a restore if the number of queues changes',
    frontend: (() => {
      const before = new WeakMap<object, number>();
      return {
        resume(vif) {
          before.set(vif, vif.queues.length);
          correct.resume(vif);
        },
        async accepts(vif) {
          const offered = await vif.domain.store.read(`${vif.backendPath}/${KEY.multiQueueMaxQueues}`);
          const count = correct.queueCount(offered);
          return (before.get(vif) ?? count) === count && correct.accepts(vif);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.offers.headroom-unasked',
    breaks: 'XDP-05',
    fault: 'requests XDP headroom from every backend',
    frontend: { requests: (vif) => ({ ...correct.requests(vif), [KEY.xdpHeadroom]: '256' }) },
  },
  {
    id: 'frontend.offers.headroom-too-large',
    breaks: 'XDP-05',
    fault: 'requests 64 KiB of XDP headroom',
    frontend: (() => {
      const offers = new WeakMap<object, string | undefined>();
      return {
        async accepts(vif) {
          offers.set(vif, await vif.domain.store.read(`${vif.backendPath}/${KEY.featureXdpHeadroom}`));
          return correct.accepts(vif);
        },
        requests: (vif) => ({
          ...correct.requests(vif),
          ...(offers.get(vif) === '1' ? { [KEY.xdpHeadroom]: '65536' } : {}),
        }),
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.offers.keeps-control-ring',
    breaks: 'RING-02',
    fault: 'publishes its old control ring again after its guest was restored',
    frontend: (() => {
      const restored = new WeakSet<object>();
      return {
        resume(vif) {
          restored.add(vif);
          correct.resume(vif);
        },
        closeControl(vif) {
          if (!restored.has(vif)) correct.closeControl(vif);
        },
        openControl(vif) {
          const { control } = vif;
          if (!restored.delete(vif) || !control) return correct.openControl(vif);
          return { [KEY.ctrlRingRef]: String(control.offer.ref), [KEY.eventChannelCtrl]: String(control.port) };
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.offers.hashes-to-old-queues',
    breaks: 'HASH-43',
    fault: 'writes a hash mapping for as many queues as it had before, when its backend offers fewer',
    shownIn: 'frontend.offers.control-with-fewer',
    frontend: {
      configureHash(vif) {
        const queues = Array.from({ length: mostQueues(vif) }, (_, index) => ({ index }));
        return correct.configureHash(Object.create(vif, { queues: { value: queues } }) as FrontendVif);
      },
    },
  },
  {
    id: 'frontend.offers.deaf-on-last-of-fewer',
    breaks: 'MQ-15',
    fault: 'receives nothing on its last queue if it had more queues and a control ring before',
    frontend: {
      accept(vif, queue, packet) {
        const isLast = queue.index > 0 && queue.index === vif.queues.length - 1;
        const hadMore = mostQueues(vif) > vif.queues.length;
        if (!isLast || !hadMore || !vif.control) correct.accept(vif, queue, packet);
      },
    },
  },
  {
    id: 'frontend.offers.lost-with-requests',
    breaks: 'XB-24',
    fault: 'does not connect after a restore if it had requests without a response',
    seen: 'Linux xen-netfront before 042b2046d0f0: crashes if its guest is migrated while it sends',
    frontend: (() => {
      const lost = new WeakSet<object>();
      return {
        resume(vif) {
          if (vif.queues.some(({ sending }) => sending.size > 0)) lost.add(vif);
          correct.resume(vif);
        },
        async connect(vif) {
          if (!lost.has(vif)) await correct.connect(vif);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.offers.dies-of-removal',
    breaks: 'ROB-02',
    fault: 'connects no vif after one was removed between a restore and its connection',
    seen: 'Linux xen-netfront before XSA-465 (CVE-2024-53240): crashes if a device is removed that did not resume',
    frontend: (() => {
      const resumed = new WeakSet<object>();
      const dead = new WeakSet<object>();
      return {
        resume(vif) {
          correct.resume(vif);
          resumed.add(vif);
        },
        async connect(vif) {
          resumed.delete(vif);
          if (!dead.has(vif.domain)) await correct.connect(vif);
        },
        disconnect(vif) {
          if (resumed.has(vif)) dead.add(vif.domain);
          correct.disconnect(vif);
        },
      } satisfies Defect['frontend'];
    })(),
  },
];
