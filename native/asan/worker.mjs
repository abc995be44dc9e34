// Uses the whole addon at once, until its worker is ended: argument `file` is the addon, `end` is how it ends.
import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';

const { file, end } = workerData;
const addon = createRequire(import.meta.url)(file);

/** Runs `work`; any error that has a code is one of the stub's. */
function tried(work) {
  try {
    return work();
  } catch (error) {
    if (error.code === undefined) throw error;
    return undefined;
  }
}

const bytes = new Uint8Array(256);
async function useStore() {
  const store = await addon.openStore(() => undefined);
  for (const Class of [store.constructor]) {
    try {
      new Class(() => undefined);
      throw new Error('a store that openStore did not open');
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
  }
  const requests = () => [
    store.read(0, 'a'),
    store.write(0, 'a', bytes),
    store.mkdir(0, 'a'),
    store.directory(0, 'a'),
    store.getPermissions(0, 'a'),
    store.setPermissions(0, 'a', [{ domain: 0, bits: 3 }]),
    store.watch('a', 't'),
    store.remove(0, 'a'),
    store.transactionStart().then((id) => store.transactionEnd(id, false)),
    store.unwatch('a', 't'),
  ];
  // Requests at all times: the end of a worker hits it within one of them.
  let pending = 0;
  const done = () => void pending--;
  const flood = setInterval(() => {
    for (; pending < 300; pending++) store.read(0, 'a').then(done, done);
  }, 0);
  for (let n = 0; n < 200; n++) {
    await Promise.allSettled(requests());
    requests().forEach((request) => request.catch(() => undefined));
  }
  clearInterval(flood);
  await store.close();
  await store.close();
  await store.read(0, 'a').catch(() => undefined);
}

function useGrants() {
  const grants = tried(() => new addon.Grants());
  if (!grants) return;
  const offer = tried(() => grants.offer(1, true));
  offer?.page(0).flicker(0, 1, 2);
  const map = tried(() => grants.map(1, Uint32Array.of(1, 2, 3), true));
  map?.page(2).copyIn(0, bytes);
  tried(() => grants.copyFrom(Uint32Array.of(1, 2, 0, 128, 1, 3, 4000, 128), bytes));
  tried(() => grants.copyTo(Uint32Array.of(1, 2, 0, 128), bytes));
  if (Math.random() < 0.3) tried(() => map?.close());
  if (Math.random() < 0.3) tried(() => grants.close());
}

const kept = [];
function useEvents() {
  const events = tried(() => new addon.Events());
  if (!events) return;
  kept.push(events);
  const port = tried(() => events.bindUnbound(1));
  events.listen(() => {
    for (const fired of tried(() => events.take()) ?? []) {
      tried(() => events.unmask(fired));
      tried(() => events.notify(fired));
    }
  });
  if (port !== undefined) tried(() => events.notify(port));
  if (Math.random() < 0.3) events.close();
}

function useTables() {
  const tables = tried(() => new addon.GrantTables());
  tried(() => tables?.flags(1, 8));
}

parentPort.postMessage('begun');
for (let n = 0; n < 3; n++)
  useStore().catch((error) => {
    if (error.code === undefined) throw error;
  });
const timer = setInterval(() => {
  useGrants();
  useEvents();
  useTables();
  while (kept.length > 5) kept.shift().close();
}, 1);
const later = (work) => setTimeout(work, Math.random() * 20);
if (end === 'exit') later(() => process.exit(0));
if (end === 'throw')
  later(() => {
    throw new Error('wanted');
  });
if (end === 'idle') later(() => clearInterval(timer));
