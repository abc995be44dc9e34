/** Faults that several chapters of the reference backend share. */
import type { BackendQueueState, BackendVif } from '../../backend.js';
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

/** Goes to Connected even if connecting fails. */
export const connectsRegardless: Partial<BackendSteps> = {
  async tryConnect(vif) {
    await vif.steps.connect(vif).catch(() => {});
    await vif.steps.setState(vif, STATE.connected);
  },
};
