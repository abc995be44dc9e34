import type { MakeDriver } from '../foreign/driver.js';
import { Stack } from '../packet/stack.js';
import { linkOf } from '../peer/link.js';
import { ReferenceBackend } from '../reference/backend.js';
import type { BackendSteps } from '../reference/backend-steps.js';
import { ReferenceFrontend } from '../reference/frontend.js';
import type { FrontendSteps } from '../reference/frontend-steps.js';
import { Hypervisor } from '../xen/simulated/hypervisor.js';
import type { Iut } from './iut.js';
import { REFLECTORS } from './reflectors.js';
import type { Role } from './record.js';

/** Steps that replace those of a reference driver: how a defect is planted. */
export interface PlantedSteps {
  readonly frontend?: Partial<FrontendSteps>;
  readonly backend?: Partial<BackendSteps>;
}

/** Makes the embedded reference driver. */
export function referenceDriver(planted: PlantedSteps = {}): MakeDriver {
  return ({ role, domain, stackOf, onError }) =>
    role === 'frontend'
      ? new ReferenceFrontend(domain, stackOf, onError, planted.frontend)
      : new ReferenceBackend(domain, stackOf, onError, planted.backend);
}

/** A driver of a role in a domain of its own on a simulated Xen: the reference driver unless told, and its name. */
export async function openSimulatedIut(
  role: Role,
  seed: number,
  make: MakeDriver = referenceDriver(),
  name = 'embedded reference driver',
): Promise<Iut> {
  const hypervisor = new Hypervisor({ seed });
  const harness = hypervisor.domain(0);
  const guest = hypervisor.domain(1);
  // A driver that throws must not pass for a quiet one, whatever the test made of it.
  let fault: Error | undefined;
  const onError = (error: unknown): void => {
    fault ??= error instanceof Error ? error : new Error(String(error));
  };
  const stackOf = (handle: number): Stack => new Stack(linkOf(handle).iut);
  const driver = await make({ role, domain: guest, stackOf, onError });
  await driver.start();
  return {
    domain: guest.id,
    harness,
    adapter: 'simulated',
    deviceType: 'vif',
    facts: () => Promise.resolve({ driver: name }),
    configure: () => Promise.resolve(),
    bridge: driver.bridge && (([a, b]) => Promise.resolve(driver.bridge?.([a.vif.handle, b.vif.handle]))),
    promised: new Set(REFLECTORS),
    recreate: async (prepare) => {
      await driver.close();
      await prepare?.();
      await driver.start();
    },
    booted: () => Promise.resolve(),
    holdings: () => ({ driver: hypervisor.holdings(guest.id), harness: hypervisor.holdings(harness.id) }),
    ...(driver.unbind && driver.bind
      ? {
          rebind: {
            unbind: async ({ handle }) => {
              await driver.unbind?.(handle);
              return true;
            },
            bind: async ({ handle }) => driver.bind?.(handle),
          },
        }
      : {}),
    carrier: driver.hasCarrier && (({ vif }) => Promise.resolve(driver.hasCarrier?.(vif.handle) ?? false)),
    restore:
      driver.suspend &&
      driver.resume &&
      (async (prepare) => {
        await driver.suspend?.();
        await prepare();
        await driver.resume?.();
      }),
    alive: () => (fault ? Promise.reject(fault) : Promise.resolve()),
    order: () => hypervisor.order,
    turns: () => hypervisor.turns,
    async close() {
      await driver.close();
      await guest.close();
      await harness.close();
    },
  };
}
