/** The keys of a frontend's directory that belong to one connection; all others belong to the toolstack or the driver. */
import { KEY } from '../protocol/netif.js';
import type { StoreAccess } from '../xen/domain.js';

const CONNECTION_KEYS: ReadonlySet<string> = new Set([
  KEY.multiQueueNumQueues,
  KEY.txRingRef,
  KEY.rxRingRef,
  KEY.eventChannel,
  KEY.eventChannelTx,
  KEY.eventChannelRx,
  KEY.txPoolRef,
  KEY.txPoolSize,
  KEY.rxPoolRef,
  KEY.rxPoolSize,
  KEY.ctrlRingRef,
  KEY.eventChannelCtrl,
  KEY.requestMulticastControl,
]);

const QUEUE_DIRECTORY = /^queue-[0-9]+$/;

/**
 * Writes the keys of a connection into the directory `path` and removes those of an earlier connection: a backend would
 * read a stale `event-channel` before `event-channel-tx`, for example. Keys of a queue are named `queue-N/key`.
 */
export async function writeConnectionKeys(
  access: StoreAccess,
  path: string,
  keys: Readonly<Record<string, string>>,
): Promise<void> {
  for (const stale of await staleKeys(access, path, Object.keys(keys))) await access.remove(`${path}/${stale}`);
  for (const [key, value] of Object.entries(keys)) await access.write(`${path}/${key}`, value);
}

async function staleKeys(access: StoreAccess, path: string, written: readonly string[]): Promise<string[]> {
  const stale: string[] = [];
  for (const name of (await access.list(path)) ?? []) {
    const isQueue = QUEUE_DIRECTORY.test(name);
    if (isQueue && written.some((key) => key.startsWith(`${name}/`))) {
      const below = ((await access.list(`${path}/${name}`)) ?? []).map((key) => `${name}/${key}`);
      stale.push(...below.filter((key) => !written.includes(key)));
    } else if (isQueue || (CONNECTION_KEYS.has(name) && !written.includes(name))) {
      stale.push(name);
    }
  }
  return stale;
}
