/** Defects of the reference backend, chapter together. */
import { decodeFrame } from '../../../packet/frame.js';
import type { Extra, ExtraGso } from '../../../protocol/extra.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { BackendQueueState } from '../../backend.js';
import type { TxChain } from '../../transmit-steps.js';
import type { Defect } from '../defect.js';

const isMulticast = ({ type }: Extra): boolean => type === 'mcast-add' || type === 'mcast-del';

/** Keeps an extra of one kind for the packets after it in the same batch, if `applies` says so. */
function keepsExtra(
  isKept: (extra: Extra) => boolean,
  applies: (chain: TxChain) => boolean,
): Pick<BackendSteps, 'serveTx' | 'serveChain'> {
  let kept: Extra | undefined;
  return {
    serveTx(vif, queue) {
      kept = undefined;
      correct.serveTx(vif, queue);
    },
    serveChain(vif, queue, chain) {
      const own = chain.extras.find(isKept);
      const extras = !own && kept && applies(chain) ? [...chain.extras, kept] : chain.extras;
      kept = own ?? kept;
      correct.serveChain(vif, queue, { ...chain, extras });
    },
  };
}

const isTcp = (frame: Uint8Array): boolean => {
  const it = decodeFrame(frame);
  return it.ok && it.value.kind === 'tcp';
};

export const BACKEND_TOGETHER_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.together.extras-not-cleared',
    breaks: 'RXW-36',
    fault: 'treats a packet with an extra as a dummy request if it is published after a dummy request',
    backend: keepsExtra(isMulticast, ({ extras }) => extras.length > 0),
  },
  {
    id: 'backend.together.gso-of-batch',
    breaks: 'GSO-08',
    fault: 'describes TCP packets by the GSO extra of a packet that was published before them',
    backend: (() => {
      let kept: ExtraGso | undefined;
      return {
        serveTx(vif, queue) {
          kept = undefined;
          correct.serveTx(vif, queue);
        },
        serveChain(vif, queue, chain) {
          kept = chain.extras.find((extra) => extra.type === 'gso') ?? kept;
          correct.serveChain(vif, queue, chain);
        },
        accept(vif, queue, packet) {
          const gso = packet.gso ?? (kept && isTcp(packet.frame) ? { size: kept.size, type: kept.gsoType } : undefined);
          correct.accept(vif, queue, { ...packet, gso });
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.together.first-size',
    breaks: 'GSO-06',
    fault: 'cuts all large packets of a queue into segments of the size that the first one asked for',
    backend: (() => {
      const sizes = new WeakMap<BackendQueueState, number>();
      return {
        accept(vif, queue, packet) {
          const { gso } = packet;
          if (!gso) return correct.accept(vif, queue, packet);
          const size = sizes.get(queue) ?? gso.size;
          sizes.set(queue, size);
          correct.accept(vif, queue, { ...packet, gso: { ...gso, size } });
        },
      } satisfies Defect['backend'];
    })(),
  },
];
