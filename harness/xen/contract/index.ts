/** Contract of the port, as tests that every adapter passes, in virtual time and in real time. */
import { contractOfClock } from './clock.js';
import { contractOfClose } from './close.js';
import { contractOfEvents } from './events.js';
import { contractOfGrants } from './grants.js';
import type { Pair } from './pair.js';
import { contractOfStore } from './store.js';

/** Defines the tests of one adapter; `make` is called once per test. */
export function contract(name: string, make: () => Promise<Pair>): void {
  describe(`contract of the port: ${name}`, () => {
    let pair: Pair;
    const handles = (): Pair => pair;

    beforeEach(async () => {
      pair = await make();
    });

    afterEach(() => pair.close());

    contractOfGrants(handles);
    contractOfEvents(handles);
    contractOfStore(handles);
    contractOfClock(handles);
    contractOfClose(handles);
  });
}
