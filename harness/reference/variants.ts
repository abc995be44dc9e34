/** Correct drivers with fewer features, for tests that the reference driver skips because it has every feature. */
import { CTRL_STATUS, KEY } from '../protocol/netif.js';
import { BACKEND_STEPS as correct, type BackendSteps } from './backend-steps.js';

/** A correct driver that advertises other features than the reference driver. */
export interface Variant {
  readonly id: string;
  readonly backend: Partial<BackendSteps>;
}

const NOT_SUPPORTED = { status: CTRL_STATUS.notSupported };

export const VARIANTS: readonly Variant[] = [
  {
    id: 'backend.static-multicast',
    backend: {
      features: () => ({ ...correct.features(), [KEY.featureDynamicMulticastControl]: '0' }),
      async followMulticast(vif) {
        await correct.followMulticast(vif);
        await vif.groups.watch?.close();
      },
    },
  },
  {
    id: 'backend.no-gref-mapping',
    backend: {
      getGrefMappingSize: () => NOT_SUPPORTED,
      addGrefMapping: () => NOT_SUPPORTED,
      delGrefMapping: () => NOT_SUPPORTED,
    },
  },
];
