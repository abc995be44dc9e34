/** The format of the keys in a vif's directories (io/xenbus.h and the conventions of xenstore). */
import { KEY } from '../../protocol/netif.js';
import type { Directory } from './directory.js';
import { each, type Judgement, type Rules, when } from './rule.js';

/** Keys that hold a number. Vendor keys may hold anything. */
const NUMBERS: ReadonlySet<string> = new Set([
  ...Object.values(KEY).filter((key) => key.startsWith('feature-')),
  'state',
  KEY.txRingRef,
  KEY.rxRingRef,
  KEY.eventChannel,
  KEY.eventChannelTx,
  KEY.eventChannelRx,
  KEY.multiQueueNumQueues,
  KEY.multiQueueMaxQueues,
  KEY.ctrlRingRef,
  KEY.eventChannelCtrl,
  KEY.requestRxCopy,
  KEY.xdpHeadroom,
]);

export const XENBUS_RULES: Rules = {
  frontendKeys: [
    { id: 'XB-22', judge: ({ own }) => numbers(own) },
    {
      id: 'XB-19',
      judge: ({ own, backend, complete }) =>
        when(
          complete && backend.has(KEY.featureRxCopy),
          () => own.has(KEY.requestRxCopy),
          () => `request-rx-copy = ${own.get(KEY.requestRxCopy)} on a connection to a backend with feature-rx-copy`,
        ),
    },
  ],
  backendKeys: [{ id: 'XB-22', judge: ({ own }) => numbers(own) }],
};

function numbers(own: Directory): Judgement {
  const known = own.entries().filter(([key]) => NUMBERS.has(key));
  return each(known, ([key, value]) =>
    when(
      true,
      () => /^\d+$/.test(value),
      () => `${key} = ${JSON.stringify(value)}`,
    ),
  );
}
