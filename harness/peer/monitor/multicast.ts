/** netif.h, "feature-multicast-control". */
import { formatMac, isGroupMac } from '../../packet/address.js';
import type { Extra } from '../../protocol/extra.js';
import { KEY } from '../../protocol/netif.js';
import type { Directory } from './directory.js';
import { each, type Judgement, type Rules, when } from './rule.js';

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
    { id: 'MCAST-22', judge: ({ extras }) => each(extras, namesGroup) },
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

const namesGroup = (extra: Extra): Judgement =>
  'address' in extra
    ? when(
        true,
        () => isGroupMac(extra.address),
        () => `a multicast extra with the address ${formatMac(extra.address)}, which is not that of a group`,
      )
    : undefined;
