/** The native adapter against C code on the same libraries: grants, events between two domains, xenstore. */
import type { Domain, DomId } from '../xen/domain.js';
import { EventPump } from '../xen/event-pump.js';
import { PAGE_SIZE } from '../xen/domain.js';
import { compare, type Comparison, type Figure, timed } from './figure.js';
import type { Yardstick, GuestYardstick } from './yardstick.js';

const ROUNDS = 7;
const C = 'C on the same libraries';
const EVENTS = 300;
const REQUESTS = 200;
const QUIET_MS = 50;
const NODE = 'data/netifspec-bench';

/**
 * Microseconds of each operation.
 * @param there the C program in the domain `guest`
 */
export async function addonAgainstC(
  domain: Domain,
  here: Yardstick,
  there: GuestYardstick,
  guest: DomId,
): Promise<Figure[]> {
  return [
    await mapping(domain, here, 1, 300),
    await mapping(domain, here, 32, 200),
    await mapping(domain, here, 512, 30),
    await copying(domain, here, 1, 1000),
    await copying(domain, here, 256, 20),
    await events(domain, here, there, guest),
    await requests(domain, 'read', 'xenstore read', { name: C, measure: () => here.run('read', REQUESTS) }),
    await requests(domain, 'write', 'xenstore write', { name: C, measure: () => here.run('write', REQUESTS) }),
    await requests(domain, 'read', 'xenstore read, by a thread in C too', {
      name: 'C that may not wait either',
      measure: () => here.run('thread', REQUESTS),
    }),
  ];
}

/** Grants of this domain to itself, mapped as one unit. */
function mapping({ id, grants }: Domain, here: Yardstick, count: number, rounds: number): Promise<Figure> {
  return compare({
    name: `addon: map and unmap of ${count} grants`,
    unit: 'µs',
    rounds: ROUNDS,
    ours: () =>
      withOffers(grants, id, count, (refs) => {
        for (let n = 0; n < rounds; n++) grants.map(id, refs, 'read-write').unmap();
        return rounds;
      }),
    yardstick: { name: C, measure: () => here.run('map', id, count, rounds) },
  });
}

function copying({ id, grants }: Domain, here: Yardstick, count: number, rounds: number): Promise<Figure> {
  return compare({
    name: `addon: grant copy of ${count} pages`,
    unit: 'µs',
    rounds: ROUNDS,
    ours: () =>
      withOffers(grants, id, count, (refs) => {
        const segments = refs.map((ref) => ({ domain: id, ref, offset: 0, length: PAGE_SIZE }));
        for (let n = 0; n < rounds; n++) {
          const bad = grants.copyFrom(segments).find(({ status }) => status !== 0);
          if (bad) throw new Error(`a copy failed with status ${bad.status}`);
        }
        return rounds;
      }),
    yardstick: { name: C, measure: () => here.run('copy', id, count, rounds) },
  });
}

/** Microseconds per iteration; `work` returns the number of iterations. */
async function withOffers(
  grants: Domain['grants'],
  to: DomId,
  count: number,
  work: (refs: number[]) => number,
): Promise<number> {
  const offers = Array.from({ length: count }, () => grants.offer(to, 'read-write'));
  try {
    let times = 1;
    const ms = await timed(() => (times = work(offers.map(({ ref }) => ref))));
    return (ms * 1000) / times;
  } finally {
    for (const offer of offers) offer.end();
  }
}

async function events(
  { events, clock }: Domain,
  here: Yardstick,
  there: GuestYardstick,
  guest: DomId,
): Promise<Figure> {
  const pump = new EventPump(events);
  const echo = await there.start('echo', 0);
  const remote = Number(echo.firstLine);
  const measure = async (): Promise<number> => {
    const port = events.bindInterdomain(guest, remote);
    try {
      let came = (): void => undefined;
      pump.on(port, () => came());
      const roundTrip = (): Promise<void> =>
        new Promise((resolve) => {
          came = resolve;
          events.notify(port);
        });
      // A port is pending as soon as it is bound: wait until that event is handled.
      for (let n = 0; n < 10; n++) await roundTrip();
      await new Promise<void>((resolve) => void clock.after(QUIET_MS, resolve));
      const ms = await timed(async () => {
        for (let n = 0; n < EVENTS; n++) await roundTrip();
      });
      return (ms * 1000) / EVENTS;
    } finally {
      pump.off(port);
      events.unbind(port);
    }
  };
  try {
    return await compare({
      name: 'addon: event round trip to another domain',
      unit: 'µs',
      rounds: ROUNDS,
      ours: measure,
      yardstick: { name: C, measure: () => here.run('events', guest, remote, EVENTS) },
    });
  } finally {
    echo.stop();
  }
}

async function requests(
  { store }: Domain,
  kind: 'read' | 'write',
  name: string,
  yardstick: NonNullable<Comparison['yardstick']>,
): Promise<Figure> {
  await store.write(NODE, '1');
  try {
    return await compare({
      name: `addon: ${name}`,
      unit: 'µs',
      rounds: ROUNDS,
      ours: async () => {
        const ms = await timed(async () => {
          for (let n = 0; n < REQUESTS; n++) await (kind === 'read' ? store.read(NODE) : store.write(NODE, '1'));
        });
        return (ms * 1000) / REQUESTS;
      },
      yardstick,
    });
  } finally {
    await store.remove(NODE);
  }
}
