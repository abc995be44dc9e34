/** Faults that several chapters of the reference frontend share. */
import { STATE } from '../../bus.js';
import type { FrontendVif } from '../../frontend.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { VifPacket } from '../../packet.js';
import type { FrontRing } from '../../../protocol/shared-ring.js';

/** Writes keys when the backend is Connected, which is too late. */
export const writesLate = (
  keysOf: (vif: FrontendVif) => Readonly<Record<string, string>> | undefined,
): Pick<FrontendSteps, 'backendChanged'> => ({
  async backendChanged(vif) {
    await correct.backendChanged(vif);
    const keys = vif.seen === STATE.connected ? keysOf(vif) : undefined;
    const { store } = vif.domain;
    for (const [key, value] of Object.entries(keys ?? {})) {
      // A write is a change of the directory, which may bring it here again.
      if ((await store.read(`${vif.path}/${key}`)) !== value) await store.write(`${vif.path}/${key}`, value);
    }
  },
});

/** Drops such packets that it received. */
export const drops = (isUnwanted: (packet: VifPacket, vif: FrontendVif) => boolean): Partial<FrontendSteps> => ({
  accept(vif, queue, packet) {
    if (!isUnwanted(packet, vif)) correct.accept(vif, queue, packet);
  },
});

/** Publishes such tx requests without an event. */
export const pushesInSilence = (
  isSilent: (vif: FrontendVif, ring: FrontRing) => boolean,
): Pick<FrontendSteps, 'push'> => ({
  push(vif, ring, port) {
    if (ring.layout.name === 'tx' && isSilent(vif, ring)) ring.push();
    else correct.push(vif, ring, port);
  },
});
