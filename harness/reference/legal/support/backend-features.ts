/** Features that legal backends offer. */
import { KEY } from '../../../protocol/netif.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';

type Offer = Pick<BackendSteps, 'features'>;

/** The features of the reference driver with additions or changes. */
export function offering(keys: Readonly<Record<string, string>>): Offer {
  return { features: () => ({ ...correct.features(), ...keys }) };
}

/** The features of the reference driver without some of them. */
export function without(...keys: readonly string[]): Offer {
  return {
    features: () => Object.fromEntries(Object.entries(correct.features()).filter(([key]) => !keys.includes(key))),
  };
}

/** Some features set to 1, and one queue. */
export function alone(...keys: readonly string[]): Pick<BackendSteps, 'features' | 'maxQueues'> {
  return { features: () => Object.fromEntries(keys.map((key) => [key, '1'])), maxQueues: () => 1 };
}

/** The reference driver with a different number of queues. */
export function queues(count: number): Pick<BackendSteps, 'features' | 'maxQueues'> {
  return { ...offering({ [KEY.multiQueueMaxQueues]: String(count) }), maxQueues: () => count };
}
