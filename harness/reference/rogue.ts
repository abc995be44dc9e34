/**
 * Malicious reference drivers: between their regular work they do what no driver may do. They prove that no driver can
 * harm the harness.
 */
import type { Stack } from '../packet/stack.js';
import { KEY } from '../protocol/netif.js';
import { RING_OFFSET } from '../protocol/ring.js';
import type { RingPage } from '../protocol/ring-page.js';
import { linkOf } from '../peer/link.js';
import type { Domain } from '../xen/domain.js';
import type { Random } from '../xen/simulated/random.js';
import { ReferenceBackend } from './backend.js';
import { BACKEND_STEPS } from './backend-steps.js';
import { ReferenceFrontend } from './frontend.js';
import { type Endless, endlessRx, endlessTx } from './endless.js';
import { FRONTEND_STEPS } from './frontend-steps.js';
import { type OddFrame, oddFrame } from './odd-frames.js';
import { type WriteFault, FaultInjector, type Written } from './fault-injector.js';

/** One violation of the protocol. */
export type Attack =
  | { readonly kind: 'index'; readonly ring: 0 | 1; readonly offset: number; readonly value: number }
  | { readonly kind: 'slot'; readonly ring: 0 | 1; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'key'; readonly key: string; readonly value: string }
  | { readonly kind: 'falsify'; readonly key: string; readonly value: string }
  | { readonly kind: 'remove'; readonly key: string }
  | { readonly kind: 'event' }
  | { readonly kind: 'vanish' }
  | { readonly kind: 'revoke'; readonly n: number }
  | { readonly kind: 'endless'; readonly of: Endless }
  | ({ readonly kind: 'frame' } & OddFrame)
  | ({ readonly kind: 'alter' } & WriteFault);

/** Keys that attacks change, including keys that no driver reads. */
export const ATTACKED_KEYS = [
  ...Object.values(KEY),
  'state',
  'backend-id',
  'frontend-id',
  'queue-0',
  'queue-1/tx-ring-ref',
] as const;

/** Values that are invalid for most keys. */
export const ODD_VALUES = [
  '',
  '0',
  '1',
  '2',
  '4',
  '5',
  '6',
  '7',
  '-1',
  '4294967296',
  '99999999999999999999',
  'x',
  '1\n',
];

/** Values that matter as the flags, size or status of a slot. */
export const ODD_WORDS = [0, 1, 2, 4, 8, 12, 24, 0x0fff, 0x1000, 0x7fff, 0x8000, 0xfffe, 0xffff] as const;

/** Offsets of the indices and event indices in a ring page. */
export const INDEX_OFFSETS = [RING_OFFSET.reqProd, RING_OFFSET.reqEvent, RING_OFFSET.rspProd, RING_OFFSET.rspEvent];

/** Milliseconds between two attacks of {@link Rogue.attack}. */
const EVERY_MS = 40;

/** How often an endless packet uses all free slots: the slots of all rounds exceed the size of a ring. */
const ENDLESS_ROUNDS = 16;

/** A vif of the rogue: its directory, and the resources that one of its queues shares with the peer. */
interface AttackedQueue {
  readonly path: string;
  readonly pages: readonly [tx: RingPage, rx: RingPage];
  readonly ports: readonly number[];
  readonly send: (frame: Uint8Array) => void;
  /** Returns false if there is no free slot. */
  readonly sendEndless: (of: Endless, begins: boolean) => boolean;
}

interface QueueState {
  readonly tx: { readonly page: RingPage };
  readonly rx: { readonly page: RingPage };
  readonly txPort: number;
  readonly rxPort: number;
}

/** A reference driver that attacks its peer on request. Its own errors are ignored. */
export class Rogue {
  readonly #queues: AttackedQueue[] = [];
  readonly #injector: FaultInjector;
  readonly #driver: ReferenceFrontend | ReferenceBackend;
  #stop = (): void => undefined;

  constructor(
    role: 'frontend' | 'backend',
    private readonly domain: Domain,
    stackOf: (handle: number) => Stack,
    root?: string,
  ) {
    this.#injector = new FaultInjector(domain);
    const ignore = (): void => undefined;
    const register = <Q extends QueueState>(
      path: string,
      queue: Q,
      sending: Pick<AttackedQueue, 'send' | 'sendEndless'>,
    ): Q => {
      const { tx, rx, txPort, rxPort } = queue;
      this.#queues.push({ path, pages: [tx.page, rx.page], ports: [txPort, rxPort], ...sending });
      if (path !== this.#queues[0]?.path) this.#injector.protecting = false;
      return queue;
    };
    this.#driver =
      role === 'frontend'
        ? new ReferenceFrontend(
            this.#injector.domain,
            stackOf,
            ignore,
            {
              openQueue: (vif, index, split) => {
                const queue = FRONTEND_STEPS.openQueue(vif, index, split);
                return register(vif.path, queue, {
                  send: (frame) => vif.steps.transmit(vif, queue, { frame, csumBlank: false }),
                  sendEndless: (of, begins) => endlessTx(vif, queue, of, begins),
                });
              },
            },
            root,
          )
        : new ReferenceBackend(
            this.#injector.domain,
            stackOf,
            ignore,
            {
              openQueue: (vif, ...rest) => {
                const queue = BACKEND_STEPS.openQueue(vif, ...rest);
                return register(vif.path, queue, {
                  send: (frame) => vif.steps.send(vif, queue, { frame, csumBlank: false }),
                  sendEndless: (of, begins) => endlessRx(vif, queue, of, begins),
                });
              },
            },
            root,
          );
  }

  start(): Promise<void> {
    return this.#driver.start();
  }

  bridge(handles: readonly [number, number]): void {
    this.#driver.bridge(handles);
  }

  close(): Promise<void> {
    this.stopAttack();
    return this.#driver.close();
  }

  /** The kinds of writes that an `alter` or a `falsify` has changed so far. */
  get injected(): ReadonlySet<Written> {
    return this.#injector.injected;
  }

  /** Stops {@link attack}. */
  stopAttack(): void {
    this.#stop();
  }

  /**
   * Attacks the vif in `path`, which is relative to the domain's home. Returns false if the vif is too far gone for the
   * attack. An `alter`, `falsify` or `revoke` may hit any vif of the rogue.
   */
  async perform(attack: Attack, path: string): Promise<boolean> {
    const queue = this.#queues.findLast((each) => each.path === path);
    const { store } = this.domain;
    try {
      switch (attack.kind) {
        case 'index':
        case 'slot':
        case 'event':
          return queue !== undefined && this.#attackRings(attack, queue);
        case 'endless':
          return queue !== undefined && (await this.#sendEndless(attack.of, queue));
        case 'frame':
          queue?.send(oddFrame(linkOf(Number(path.split('/').at(-1))), attack));
          return queue !== undefined;
        case 'key':
          if ((await store.read(`${path}/state`)) === undefined) return false;
          await store.write(`${path}/${attack.key}`, attack.value);
          return true;
        case 'falsify':
          this.#injector.falsify(attack.key, attack.value);
          return true;
        case 'remove':
          await store.remove(`${path}/${attack.key}`);
          return true;
        case 'vanish':
          await store.remove(path);
          return true;
        case 'revoke':
          return this.#injector.revoke(attack.n);
        case 'alter':
          this.#injector.arm(attack);
          return true;
      }
    } catch {
      // The page, the event channel or the directory may be gone by now.
      return false;
    }
  }

  /** Continues as slots become free, for more slots than a ring has. Returns false if no slot was ever free. */
  async #sendEndless(of: Endless, queue: AttackedQueue): Promise<boolean> {
    let begun = false;
    for (let n = 0; n < ENDLESS_ROUNDS; n++) {
      begun = queue.sendEndless(of, !begun) || begun;
      await new Promise<void>((resolve) => this.domain.clock.after(1, resolve));
    }
    return begun;
  }

  #attackRings(attack: Attack & { readonly kind: 'index' | 'slot' | 'event' }, queue: AttackedQueue): true {
    if (attack.kind === 'index') queue.pages[attack.ring].store32(attack.offset, attack.value);
    else if (attack.kind === 'slot') queue.pages[attack.ring].copyIn(attack.offset, attack.bytes);
    else for (const port of queue.ports) this.domain.events.notify(port);
    return true;
  }

  /**
   * Attacks the vif that connected last, every {@link EVERY_MS}. The first vif is spared, so that the peer can show that
   * it still works.
   */
  attack(random: Random): void {
    this.#injector.protecting = true;
    const next = (): void => {
      const queue = this.#queues.at(-1);
      if (queue && queue.path !== this.#queues[0]?.path) void this.perform(randomAttack(random), queue.path);
      this.#stop = this.domain.clock.after(EVERY_MS, next);
    };
    next();
  }
}

const RINGS = ['index', 'slot', 'alter', 'alter'] as const;

/** A random attack, mostly on the rings: attacks on xenstore soon end the connection. */
export function randomAttack(random: Random): Attack {
  const pick = <T>(values: readonly [T, ...T[]] | readonly T[]): T => values[random.below(values.length)] as T;
  const ring = pick([0, 1] as const);
  const value = pick([random.below(600), random.below(0x1_0000_0000)]);
  switch (
    pick([...RINGS, ...RINGS, 'event', 'revoke', 'frame', 'endless', 'key', 'falsify', 'remove', 'vanish'] as const)
  ) {
    case 'index':
      return { kind: 'index', ring, offset: pick(INDEX_OFFSETS), value };
    case 'slot': {
      const bytes = Uint8Array.from({ length: 1 + random.below(64) }, () => random.below(256));
      return { kind: 'slot', ring, offset: RING_OFFSET.slots + random.below(1000), bytes };
    }
    case 'event':
      return { kind: 'event' };
    case 'key':
      return { kind: 'key', key: pick(ATTACKED_KEYS), value: pick(ODD_VALUES) };
    case 'falsify':
      return { kind: 'falsify', key: pick(ATTACKED_KEYS), value: pick(ODD_VALUES) };
    case 'endless':
      return { kind: 'endless', of: pick(['data', 'extra'] as const) };
    case 'frame':
      return { kind: 'frame', which: random.below(100), at: random.below(80), value, cut: random.below(200) };
    case 'remove':
      return { kind: 'remove', key: pick(ATTACKED_KEYS) };
    case 'vanish':
      return { kind: 'vanish' };
    case 'revoke':
      return { kind: 'revoke', n: random.below(600) };
    case 'alter': {
      const [what, at, times] = [pick(['slot', 'slot', 'index', 'data'] as const), random.below(64), pick([1, 1, 300])];
      return { kind: 'alter', what, at, value: pick([pick(ODD_WORDS), value]), times };
    }
  }
}
