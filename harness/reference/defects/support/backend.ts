/** Faults that several chapters of the reference backend share. */
import type { BackendQueueState, BackendVif } from '../../backend.js';
import { RSP } from '../../../protocol/netif.js';
import { encodeRxResponse, type RxRequest } from '../../../protocol/rx.js';
import { STATE } from '../../bus.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { VifPacket } from '../../packet.js';
import type { TxChain } from '../../transmit-steps.js';

/** Responds to such packets with OKAY and delivers nothing. */
export const drops = (isUnwanted: (packet: VifPacket) => boolean): Partial<BackendSteps> => ({
  accept(vif, queue, packet) {
    if (!isUnwanted(packet)) correct.accept(vif, queue, packet);
  },
});

/** Whether a packet is refused, since it is malformed or in a grant that cannot be read. */
export function isRefused(vif: BackendVif, queue: BackendQueueState, chain: TxChain): boolean {
  return chain.fault !== undefined || !vif.steps.fetch(vif, queue, chain);
}

/** Responds to such packets with ERROR. */
export const refuses = (isUnwanted: (chain: TxChain) => boolean): Partial<BackendSteps> => ({
  takeChain(queue) {
    const chain = correct.takeChain(queue);
    return chain && isUnwanted(chain) ? { ...chain, fault: 'refused by a defect' } : chain;
  },
});

/** Whether the buffer of an rx request cannot be written. */
export function isUnwritable(vif: BackendVif, queue: BackendQueueState, { gref }: RxRequest): boolean {
  const page = queue.mapped.page(gref) ?? queue.rxPool.page(gref);
  if (page) return !page.writable;
  const segment = { domain: queue.frontend, ref: gref, offset: 0, bytes: new Uint8Array() };
  return vif.domain.grants.copyTo([segment])[0] !== 0;
}

/** Clears more_data in the response to a buffer that it may not write, if `applies` to the flags of that response. */
export const endingAtError = (applies: (flags: number) => boolean): Pick<BackendSteps, 'fill'> => ({
  fill(vif, queue, request, piece, flags) {
    if (!applies(flags) || !isUnwritable(vif, queue, request)) {
      return correct.fill(vif, queue, request, piece, flags);
    }
    queue.rx.put(encodeRxResponse({ id: request.id, offset: 0, flags: 0, status: RSP.error }));
  },
});

/** Goes to Connected even if connecting fails. */
export const connectsRegardless: Partial<BackendSteps> = {
  async tryConnect(vif) {
    await vif.steps.connect(vif).catch(() => {});
    await vif.steps.setState(vif, STATE.connected);
  },
};
