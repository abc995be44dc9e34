/** Defects of the reference frontend, chapter extremes: what it sends on as it came in. */
import { TCP_FLAG } from '../../../packet/tcp.js';
import { decodeExtra, encodeExtra } from '../../../protocol/extra.js';
import { GSO_TYPE } from '../../../protocol/netif.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendQueueState } from '../../frontend.js';
import type { VifPacket } from '../../packet.js';
import type { Defect } from '../defect.js';
import { mortalFrontend } from '../support/mortal.js';
import { isTcp } from '../support/packets.js';

type Gso = NonNullable<VifPacket['gso']>;

/** Sends on fields of GSO extras that a correct frontend drops; `fix` makes them look valid in the meantime. */
function keeping(fix: (gso: Gso) => Gso): Pick<FrontendSteps, 'takeRxSlot' | 'putGso'> {
  const received = new WeakMap<FrontendQueueState, Gso>();
  let last: Gso | undefined;
  return {
    takeRxSlot(queue, index, bytes) {
      const extra = queue.expect === 'extra' ? decodeExtra(bytes) : undefined;
      if (queue.expect === 'first') received.delete(queue);
      if (!extra?.ok || extra.value.type !== 'gso') {
        const frame = correct.takeRxSlot(queue, index, bytes);
        if (frame) last = received.get(queue);
        return frame;
      }
      const { size, gsoType } = extra.value;
      received.set(queue, { size, type: gsoType });
      const fixed = fix({ size, type: gsoType });
      return correct.takeRxSlot(queue, index, encodeExtra({ ...extra.value, size: fixed.size, gsoType: fixed.type }));
    },
    putGso: (queue, gso) => correct.putGso(queue, last ?? gso),
  };
}

export const FRONTEND_EXTREMES_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.extremes.any-type',
    breaks: 'GSO-05',
    fault: 'sends on the type of a GSO extra that it received, whatever it is',
    frontend: keeping((gso) => ({ ...gso, type: gso.type === GSO_TYPE.tcpv6 ? gso.type : GSO_TYPE.tcpv4 })),
  },
  {
    id: 'frontend.extremes.size-0',
    breaks: 'GSO-04',
    fault: 'sends on a GSO extra of size 0 that it received',
    frontend: keeping((gso) => ({ ...gso, size: gso.size || 1 })),
  },
  {
    id: 'frontend.extremes.flags-congestion',
    breaks: 'GSO-09',
    fault: 'sets a bit of the features of a GSO extra for TCP packets with CWR',
    frontend: (() => {
      let features = 0;
      return {
        fitting(vif, packet) {
          // The flags of TCP follow an IPv4 header without options.
          features = isTcp(packet.frame) && ((packet.frame[47] ?? 0) & TCP_FLAG.cwr) !== 0 ? 1 : 0;
          return correct.fitting(vif, packet);
        },
        putGso(queue, { size, type }) {
          queue.tx.put(encodeExtra({ type: 'gso', flags: 0, size, gsoType: type, pad: 0, features }));
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.extremes.dies-of-size-0',
    breaks: 'ROB-02',
    fault: 'serves no vif any more after a GSO extra of size 0',
    frontend: mortalFrontend((die) => ({
      takeRxSlot(queue, index, bytes) {
        const extra = queue.expect === 'extra' ? decodeExtra(bytes) : undefined;
        if (extra?.ok && extra.value.type === 'gso' && extra.value.size === 0) die();
        return correct.takeRxSlot(queue, index, bytes);
      },
    })),
  },
];
