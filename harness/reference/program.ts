/** The reference driver as a program in a domain of a real Xen; netifspec runs in another domain. */
import { Stack } from '../packet/stack.js';
import { linkOf } from '../peer/link.js';
import type { Domain } from '../xen/domain.js';
import { Random } from '../xen/simulated/random.js';
import { ReferenceBackend } from './backend.js';
import { ReferenceFrontend } from './frontend.js';
import { Rogue } from './rogue.js';

/**
 * The device type of the reference driver's end, which no kernel driver claims. Linux limits type and number to less
 * than 20 bytes.
 */
export const REFERENCE_TYPE = 'netifspec-ref';
/** The line that the program prints once it serves its devices. */
export const READY = 'ready';
/**
 * A node of the program's domain, below `device` or `backend`. The program bridges the two vifs whose handles are
 * written to the node, and then removes the node.
 */
export const BRIDGE_NODE = 'netifspec-bridge';

/**
 * Serves the devices of a role until `input` ends, and closes `domain`. Rejects if the driver throws, which is a bug of
 * netifspec. With a seed for `rogue` the driver attacks its peers.
 */
export async function runReference(
  role: 'frontend' | 'backend',
  domain: Domain,
  input: NodeJS.ReadableStream,
  say: (line: string) => void,
  rogue?: number,
): Promise<void> {
  let rogueDriver: Rogue | undefined;
  const ended = new Promise<void>((resolve, reject) => {
    input.on('end', resolve).on('error', reject).resume();
    const stackOf = (handle: number): Stack => new Stack(linkOf(handle).iut);
    const place = role === 'frontend' ? 'device' : 'backend';
    const root = `${place}/${REFERENCE_TYPE}`;
    if (rogue !== undefined) {
      rogueDriver = new Rogue(role, domain, stackOf, root);
      rogueDriver.attack(new Random(rogue));
    }
    const driver =
      rogueDriver ??
      (role === 'frontend'
        ? new ReferenceFrontend(domain, stackOf, reject, {}, root)
        : new ReferenceBackend(domain, stackOf, reject, {}, root));
    const bridge = async (): Promise<void> => {
      const [a, b] = ((await domain.store.read(`${place}/${BRIDGE_NODE}`)) ?? '')
        .split(' ')
        .filter(Boolean)
        .map(Number);
      if (a === undefined || b === undefined) return;
      driver.bridge([a, b]);
      await domain.store.remove(`${place}/${BRIDGE_NODE}`);
    };
    driver
      .start()
      .then(() => domain.store.watch(`${place}/${BRIDGE_NODE}`, () => void bridge().catch(reject)))
      .then(() => say(READY))
      .catch(reject);
  });
  try {
    await ended;
  } finally {
    rogueDriver?.stopAttack();
    await domain.close();
  }
}
