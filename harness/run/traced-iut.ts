import type { VifAddress } from '../peer/vif.js';
import type { Trace } from '../xen/traced.js';
import type { Iut } from './iut.js';

/** The same implementation under test, with what its guest is told to do written to `trace`. */
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
    configure: told('set the interface up', iut.configure),
    bridge: told('join two interfaces', iut.bridge),
    carrier: told('look for a carrier', iut.carrier),
    restore: told('save and restore', iut.restore),
    recreate: told('start anew', iut.recreate),
    rebind: rebind && {
      unbind: told('unbind the driver', (vif: VifAddress) => rebind.unbind(vif)),
      bind: told('bind the driver', (vif: VifAddress) => rebind.bind(vif)),
    },
  };
  // Its domain may be another one later: what isn't shown is asked of the original.
  return Object.assign(Object.create(iut) as Iut, shown);
}
