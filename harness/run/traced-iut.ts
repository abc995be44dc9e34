import type { VifAddress } from '../peer/vif.js';
import type { Trace } from '../xen/traced.js';
import type { Iut } from './iut.js';

/** The same driver under test; adds each operation on its guest to `trace`. */
export function tracedIut(iut: Iut, trace: Trace): Iut {
  const told = <A extends unknown[], R>(
    what: string,
    work: ((...args: A) => Promise<R>) | undefined,
  ): ((...args: A) => Promise<R>) | undefined =>
    work &&
    (async (...args: A) => {
      trace.add('harness', 'driver', () => `guest: ${what}`);
      const result = await work.apply(iut, args);
      trace.add('driver', 'harness', () => `guest: ${what}: done`);
      return result;
    });
  const { rebind } = iut;
  const shown = {
    configure: told('configure the interface', iut.configure),
    bridge: told('bridge two interfaces', iut.bridge),
    carrier: told('read the carrier', iut.carrier),
    restore: told('save and restore the guest', iut.restore),
    checkpoint: told('save the guest and let it continue', iut.checkpoint),
    recreate: told('re-create the guest', iut.recreate),
    rebind: rebind && {
      unbind: told('unbind the driver', (vif: VifAddress) => rebind.unbind(vif)),
      bind: told('bind the driver', (vif: VifAddress) => rebind.bind(vif)),
    },
  };
  // The domain changes when the guest is re-created, so all other properties are read from the original.
  return Object.assign(Object.create(iut) as Iut, shown);
}
