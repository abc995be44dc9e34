/** Choices of the features that a backend offers, and of their keys. */
import { KEY } from '../../../protocol/netif.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { LegalDriver } from '../legal.js';
import { alone, offering, queues, without } from '../support/backend-features.js';
import { fit } from '../../packet.js';

export const FEATURES: readonly LegalDriver[] = [
  {
    id: 'backend.plain',
    choice: 'offers feature-rx-copy and nothing else',
    source: 'every feature of netif.h is optional',
    backend: alone(KEY.featureRxCopy),
  },
  {
    id: 'backend.zeros',
    choice: 'writes every feature key, all but feature-rx-copy as 0',
    source: 'netif.h, "feature-split-event-channels": 0 (disabled) or 1 (enabled)',
    backend: {
      ...queues(1),
      features: () => {
        const keys = Object.keys(correct.features()).filter((key) => key !== KEY.multiQueueMaxQueues);
        return {
          ...Object.fromEntries(keys.map((key) => [key, '0'])),
          [KEY.featureRxCopy]: '1',
          'feature-rx-flip': '0',
        };
      },
    },
  },
  {
    id: 'backend.queues-100000',
    choice: 'offers 100000 queues',
    source: 'netif.h, "Multiple transmit and receive queues": a number greater than zero',
    backend: queues(100_000),
  },
  {
    id: 'backend.split-by-vif',
    choice: 'offers split event channels for some vifs only',
    source: 'netif.h, "feature-split-event-channels": a key of each vif',
    backend: {
      async advertise(vif) {
        await correct.advertise(vif);
        const isSplit = Number(vif.path.split('/').at(-1)) % 3 > 0;
        await vif.domain.store.write(`${vif.path}/${KEY.featureSplitEventChannels}`, isSplit ? '1' : '0');
      },
    },
  },
  {
    id: 'backend.no-sg',
    choice: 'offers neither scatter-gather nor GSO',
    source: 'NetBSD xennetback_xenbus.c 1.35, xennetback_xenbus_create',
    backend: without(KEY.featureSg, KEY.featureGsoTcpv4, KEY.featureGsoTcpv6),
  },
  {
    id: 'backend.no-gso',
    choice: 'offers scatter-gather without GSO',
    source: 'NetBSD xennetback_xenbus.c 1.125, xennetback_xenbus_create',
    backend: without(KEY.featureGsoTcpv4, KEY.featureGsoTcpv6),
  },
  {
    id: 'backend.gso-v6-alone',
    choice: 'offers GSO for IPv6 alone',
    source: 'netif.h, "feature-gso-tcpv4" and "feature-gso-tcpv6" are two features',
    backend: without(KEY.featureGsoTcpv4),
  },
  {
    id: 'backend.no-checksum-offload',
    choice: 'opts out of IPv4 checksum offload, has none for IPv6 and completes every checksum',
    source: 'netif.h, "feature-no-csum-offload"',
    backend: {
      features: () => ({
        ...without(KEY.featureIpv6CsumOffload, KEY.featureGsoTcpv4, KEY.featureGsoTcpv6).features(),
        [KEY.featureNoCsumOffload]: '1',
      }),
      fitting: (vif, packet) => fit(packet, { [KEY.featureNoCsumOffload]: true }),
    },
  },
  {
    id: 'backend.queues-1',
    choice: 'offers one queue by multi-queue-max-queues = 1',
    source: 'Linux drivers/net/xen-netback/netback.c, netback_init: min(8, online processors), v6.1',
    backend: queues(1),
  },
  {
    id: 'backend.queues-2',
    choice: 'offers two queues',
    source: 'netif.h, multi-queue-max-queues: the maximum supported number',
    backend: queues(2),
  },
  {
    id: 'backend.queues-8',
    choice: 'offers eight queues',
    source: 'Linux drivers/net/xen-netback/netback.c, netback_init: min(8, online processors), v6.1',
    backend: queues(8),
  },
  {
    id: 'backend.queues-64',
    choice: 'offers 64 queues',
    source: 'netif.h sets no limit to multi-queue-max-queues',
    backend: queues(64),
  },
  {
    id: 'backend.no-queues',
    choice: 'does not write multi-queue-max-queues',
    source: 'FreeBSD sys/dev/xen/netback/netback.c, xnb_publish_backend_info, 00a82464f219',
    backend: { ...without(KEY.multiQueueMaxQueues), maxQueues: () => 1 },
  },
  {
    id: 'backend.no-split',
    choice: 'disables split event channels',
    source: 'netif.h, "feature-split-event-channels": 0 (disabled); Linux separate_tx_rx_irq=0',
    backend: offering({ [KEY.featureSplitEventChannels]: '0' }),
  },
  {
    id: 'backend.vendor-keys',
    choice: 'writes vendor keys, among them features that are not numbers',
    source:
      'NetBSD xennetback_xenbus.c 1.125, xennetback_xenbus_create: vifname; no header limits the keys of a directory',
    backend: offering({
      vifname: 'xvif1i0',
      'feature-rx-flip': '0',
      'feature-persistent': '1',
      'feature-vendor-offload': 'tx,rx',
      'multi-queue-policy': 'hash',
      'hotplug-version': '2.1',
    }),
  },
  {
    id: 'backend.static-multicast',
    choice: 'reads request-multicast-control only when it connects',
    source: 'netif.h, "feature-multicast-control" without the dynamic one',
    backend: {
      ...offering({ [KEY.featureDynamicMulticastControl]: '0' }),
      async followMulticast(vif) {
        await correct.followMulticast(vif);
        await vif.groups.watch?.close();
      },
    } satisfies Partial<BackendSteps>,
  },
];
