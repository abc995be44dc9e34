import type { Driver, DriverSetting } from './driver.js';
import { Stack, type StackObserver } from '../packet/stack.js';
import { linkOf } from '../peer/link.js';
import type { VifAddress } from '../peer/vif.js';
import { Hypervisor, type SimulatedDomain } from '../xen/simulated/hypervisor.js';
import type { FrameMemory } from '../xen/simulated/page.js';
import { HARNESS_DOMAIN } from '../xen/simulated/xenstored.js';
import { GuestCrashed } from './environment.js';
import type { Iut } from './iut.js';
import { REFLECTORS } from '../peer/context.js';
import { referenceDriver } from './reference-driver.js';
import type { Role } from './record.js';

/**
 * Number of pages that a kernel's driver can grant: 64 frames of 512 entries, Xen's default, minus the reserved
 * entries.
 */
const DRIVER_PAGES = 64 * 512 - 8;

/** The environment of a driver on the simulated Xen. */
export interface SimulatedSetting extends DriverSetting {
  readonly domain: SimulatedDomain;
}

/**
 * A driver in a domain of its own on a simulated Xen (default: the reference driver).
 *
 * @param allocate provides the memory of all pages, if other processes share it
 */
export async function openSimulatedIut(
  role: Role,
  seed: number,
  make: (setting: SimulatedSetting) => Driver | Promise<Driver> = referenceDriver(),
  name = 'embedded reference driver',
  allocate?: () => FrameMemory,
): Promise<Iut> {
  const hypervisor = new Hypervisor({ seed });
  if (allocate) hypervisor.hooks.allocate = allocate;
  const harness = hypervisor.domain(HARNESS_DOMAIN);
  const guest = hypervisor.domain(1, DRIVER_PAGES);
  // A driver that throws must be reported, even if its test saw only silence.
  let fault: string | undefined;
  const onError = (error: unknown): void => {
    fault ??= `the driver threw: ${String(error)}`;
  };
  let observerOf: ((handle: number) => StackObserver | undefined) | undefined;
  const stackOf = (handle: number): Stack =>
    new Stack(linkOf(handle).iut, {
      passedToStack: (frame) => observerOf?.(handle)?.passedToStack(frame),
      passedByStack: (frame) => observerOf?.(handle)?.passedByStack(frame),
    });
  const driver = await make({ role, domain: guest, stackOf, onError });
  await driver.start();
  return {
    domain: guest.id,
    harness,
    adapter: 'simulated',
    deviceTypes: {},
    facts: () => Promise.resolve({ driver: name }),
    configure: () => Promise.resolve(),
    ...abilitiesOf(driver),
    promised: new Set(REFLECTORS),
    recreate: async (prepare) => {
      await driver.close();
      fault = undefined;
      await prepare?.();
      await driver.start();
    },
    booted: () => Promise.resolve(),
    holdings: () => ({ driver: hypervisor.holdings(guest.id), harness: hypervisor.holdings(harness.id) }),
    observeStacks: (by) => {
      observerOf = by;
    },
    alive: () => (fault === undefined ? Promise.resolve(undefined) : Promise.reject(new GuestCrashed(fault))),
    died: () => Promise.resolve(fault),
    order: () => hypervisor.order,
    turns: () => hypervisor.turns,
    async close() {
      await driver.close();
      await guest.close();
      await harness.close();
    },
  };
}

/** The abilities of a driver, by the methods that it has. */
function abilitiesOf(driver: Driver): Pick<Iut, 'bridge' | 'carrier' | 'rebind' | 'restore' | 'checkpoint'> {
  const rebind = {
    unbind: async ({ handle }: VifAddress) => {
      await driver.unbind?.(handle);
      return true;
    },
    bind: async ({ handle }: VifAddress) => driver.bind?.(handle),
  };
  return {
    bridge: driver.bridge && (([a, b]) => Promise.resolve(driver.bridge?.([a.vif.handle, b.vif.handle]))),
    carrier: driver.hasCarrier && (({ vif }) => Promise.resolve(driver.hasCarrier?.(vif.handle) ?? false)),
    ...(driver.unbind && driver.bind ? { rebind } : {}),
    restore:
      driver.suspend &&
      driver.resume &&
      (async (prepare) => {
        await driver.suspend?.();
        await prepare();
        await driver.resume?.();
      }),
    checkpoint:
      driver.suspend &&
      driver.wake &&
      (async () => {
        await driver.suspend?.();
        await driver.wake?.();
      }),
  };
}
