/** netif.h, "Extra Info": the order of extras, and extras that were not requested. */
import { HASH_ALGORITHM, KEY } from '../../protocol/netif.js';
import { type Rules, each, when } from './rule.js';

export const EXTRA_RULES: Rules = {
  packet: [
    {
      id: 'GSO-03',
      judge: ({ extras, flags }) =>
        each(extras, ({ type }) =>
          when(
            type === 'gso',
            () => flags[0]?.extraInfo === true,
            () => 'a GSO extra after a fragment without extra_info',
          ),
        ),
    },
  ],
  transmitted: [
    {
      id: 'XDP-04',
      judge: ({ extras }) =>
        when(
          true,
          () => !extras.some(({ type }) => type === 'xdp'),
          () => 'an XDP extra from a frontend',
        ),
    },
  ],
  delivered: [
    {
      id: 'EXTRA-09',
      judge: ({ extras }) =>
        each(extras, ({ type }) =>
          when(
            true,
            () => type !== 'mcast-add' && type !== 'mcast-del',
            () => `a ${type} extra from a backend`,
          ),
        ),
    },
    {
      id: 'XDP-04',
      judge: ({ extras, receiver }) =>
        when(
          !receiver.has(KEY.xdpHeadroom),
          () => !extras.some(({ type }) => type === 'xdp'),
          () => 'an XDP extra to a frontend that did not request headroom',
        ),
    },
    {
      id: 'HASH-36',
      judge: ({ extras, receiver }) =>
        when(
          receiver.get(KEY.ctrlRingRef) === undefined,
          () => !extras.some(({ type }) => type === 'hash'),
          () => 'a HASH extra to a frontend without a control ring',
        ),
    },
    {
      id: 'HASH-33',
      judge: ({ extras }) =>
        each(extras, (extra) =>
          extra.type === 'hash'
            ? when(
                true,
                () => extra.algorithm !== HASH_ALGORITHM.none && extra.hashType <= 3,
                () => `a HASH extra of type ${extra.hashType} and algorithm ${extra.algorithm}`,
              )
            : undefined,
        ),
    },
  ],
};
