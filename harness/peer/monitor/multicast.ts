/** netif.h, "feature-multicast-control". */
import { KEY } from '../../protocol/netif.js';
import type { Directory } from './directory.js';
import { type Rules, when } from './rule.js';

export const MULTICAST_RULES: Rules = {
  transmitted: [{ id: 'MCAST-18', judge: ({ receiver }) => !filters(receiver) || undefined }],
  listRequest: [
    {
      id: 'MCAST-18',
      judge: ({ receiver }) =>
        when(
          true,
          () => filters(receiver),
          () => 'a multicast extra to a backend without multicast control',
        ),
    },
  ],
  delivered: [
    {
      id: 'MCAST-06',
      judge: ({ unasked }) =>
        when(
          true,
          () => !unasked,
          () => 'a multicast packet to a group that was never in the multicast list',
        ),
    },
  ],
  backendKeys: [
    {
      id: 'MCAST-20',
      judge: ({ own }) =>
        when(
          own.has(KEY.featureDynamicMulticastControl),
          () => own.has(KEY.featureMulticastControl),
          () => 'feature-dynamic-multicast-control without feature-multicast-control',
        ),
    },
  ],
};

const filters = (backend: Directory): boolean =>
  backend.has(KEY.featureMulticastControl) || backend.has(KEY.featureDynamicMulticastControl);
