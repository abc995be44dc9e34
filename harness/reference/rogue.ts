/**
 * The reference drivers gone mad: in between their own work they do what no driver may. They prove that no driver can
 * hurt the harness.
 */
import type { Stack } from '../packet/stack.js';
import { KEY } from '../protocol/netif.js';
import { RING_OFFSET } from '../protocol/ring.js';
import type { RingPage } from '../protocol/shared-ring.js';
import { linkOf } from '../peer/link.js';
import type { Domain } from '../xen/domain.js';
import type { Random } from '../xen/simulated/random.js';
import { ReferenceBackend } from './backend.js';
import { BACKEND_STEPS } from './backend-steps.js';
import { ReferenceFrontend } from './frontend.js';
import { type Endless, endlessRx, endlessTx } from './endless.js';
import { FRONTEND_STEPS } from './frontend-steps.js';
import { type OddFrame, oddFrame } from './odd-frames.js';
import { type Spoil, Spoiler, type Written } from './spoiled.js';

/** One thing that no driver may do. */
export type Attack =
  | { readonly kind: 'index'; readonly ring: 0 | 1; readonly offset: number; readonly value: number }
  | { readonly kind: 'slot'; readonly ring: 0 | 1; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'key'; readonly key: string; readonly value: string }
  | { readonly kind: 'lie'; readonly key: string; readonly value: string }
  | { readonly kind: 'remove'; readonly key: string }
  | { readonly kind: 'event' }
  | { readonly kind: 'vanish' }
  | { readonly kind: 'revoke'; readonly n: number }
  | { readonly kind: 'endless'; readonly of: Endless }
  | ({ readonly kind: 'frame' } & OddFrame)
  | ({ readonly kind: 'spoil' } & Spoil);

/** Keys that it's worth to tamper with, those that no driver knows included. */
export const ATTACKED_KEYS = [
  ...Object.values(KEY),
  'state',
  'backend-id',
  'frontend-id',
  'queue-0',
  'queue-1/tx-ring-ref',
] as const;

/** Values that are wrong for most keys. */
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

/** Words that mean much where a slot has its flags, its size or its status, and little in a frame. */
export const ODD_WORDS = [0, 1, 2, 4, 8, 12, 24, 0x0fff, 0x1000, 0x7fff, 0x8000, 0xfffe, 0xffff] as const;

/** The ring's indices and events, by offset in its page. */
export const INDEX_OFFSETS = [RING_OFFSET.reqProd, RING_OFFSET.reqEvent, RING_OFFSET.rspProd, RING_OFFSET.rspEvent];

/** Milliseconds between two attacks of a driver that attacks by itself. */
const EVERY_MS = 40;

/** How often room is used up by a packet without end: few buffers at a time may be more than a ring in all. */
const ENDLESS_ROUNDS = 16;

/** A vif of the rogue: its directory, and what a queue of it shares with the peer. */
interface Place {
  readonly path: string;
  readonly pages: readonly [tx: RingPage, rx: RingPage];
  readonly ports: readonly number[];
  readonly send: (frame: Uint8Array) => void;
  /** False if there was no room. */
  readonly sendEndless: (of: Endless, begins: boolean) => boolean;
}

interface QueueState {
  readonly tx: { readonly page: RingPage };
  readonly rx: { readonly page: RingPage };
  readonly txPort: number;
  readonly rxPort: number;
}

/** A reference driver that attacks its peer when it's told to. What becomes of itself is nobody's business. */
export class Rogue {
  readonly #places: Place[] = [];
  readonly #spoiler: Spoiler;
  readonly #driver: ReferenceFrontend | ReferenceBackend;
  #stop = (): void => undefined;

  constructor(
    role: 'frontend' | 'backend',
    private readonly domain: Domain,
    stackOf: (handle: number) => Stack,
    root?: string,
  ) {
    this.#spoiler = new Spoiler(domain);
    const ignore = (): void => undefined;
    const keep = <Q extends QueueState>(path: string, queue: Q, sending: Pick<Place, 'send' | 'sendEndless'>): Q => {
      const { tx, rx, txPort, rxPort } = queue;
      this.#places.push({ path, pages: [tx.page, rx.page], ports: [txPort, rxPort], ...sending });
      if (path !== this.#places[0]?.path) this.#spoiler.sparing = false;
      return queue;
    };
    this.#driver =
      role === 'frontend'
        ? new ReferenceFrontend(
            this.#spoiler.domain,
            stackOf,
            ignore,
            {
              openQueue: (vif, index, split) => {
                const queue = FRONTEND_STEPS.openQueue(vif, index, split);
                return keep(vif.path, queue, {
                  send: (frame) => vif.steps.transmit(vif, queue, { frame, csumBlank: false }),
                  sendEndless: (of, begins) => endlessTx(vif, queue, of, begins),
                });
              },
            },
            root,
          )
        : new ReferenceBackend(
            this.#spoiler.domain,
            stackOf,
            ignore,
            {
              openQueue: (vif, ...rest) => {
                const queue = BACKEND_STEPS.openQueue(vif, ...rest);
                return keep(vif.path, queue, {
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
    this.calm();
    return this.#driver.close();
  }

  /** What a `spoil` or a `lie` really hit so far. */
  get spoilt(): ReadonlySet<Written> {
    return this.#spoiler.struck;
  }

  /** Attacks no more of its own accord. */
  calm(): void {
    this.#stop();
  }

  /**
   * Does one thing to the vif in `path`, which is relative to its domain's home; false if it can't any more. What it
   * writes spoilt or false from then on, and what it withdraws, may be of any vif of its.
   */
  async perform(attack: Attack, path: string): Promise<boolean> {
    const place = this.#places.findLast((each) => each.path === path);
    const { store } = this.domain;
    try {
      switch (attack.kind) {
        case 'index':
        case 'slot':
        case 'event':
          return place !== undefined && this.#attackRings(attack, place);
        case 'endless':
          return place !== undefined && (await this.#sendEndless(attack.of, place));
        case 'frame':
          place?.send(oddFrame(linkOf(Number(path.split('/').at(-1))), attack));
          return place !== undefined;
        case 'key':
          if ((await store.read(`${path}/state`)) === undefined) return false;
          await store.write(`${path}/${attack.key}`, attack.value);
          return true;
        case 'lie':
          this.#spoiler.lie(attack.key, attack.value);
          return true;
        case 'remove':
          await store.remove(`${path}/${attack.key}`);
          return true;
        case 'vanish':
          await store.remove(path);
          return true;
        case 'revoke':
          return this.#spoiler.revoke(attack.n);
        case 'spoil':
          this.#spoiler.arm(attack);
          return true;
      }
    } catch {
      // It may have lost the page, the channel or the directory by now.
      return false;
    }
  }

  /** Goes on as the peer makes room, for longer than any ring; false if there never was any. */
  async #sendEndless(of: Endless, place: Place): Promise<boolean> {
    let begun = false;
    for (let n = 0; n < ENDLESS_ROUNDS; n++) {
      begun = place.sendEndless(of, !begun) || begun;
      await new Promise<void>((resolve) => this.domain.clock.after(1, resolve));
    }
    return begun;
  }

  #attackRings(attack: Attack & { readonly kind: 'index' | 'slot' | 'event' }, place: Place): true {
    if (attack.kind === 'index') place.pages[attack.ring].store32(attack.offset, attack.value);
    else if (attack.kind === 'slot') place.pages[attack.ring].copyIn(attack.offset, attack.bytes);
    else for (const port of place.ports) this.domain.events.notify(port);
    return true;
  }

  /**
   * From now on does something of its own accord, again and again, to the vif that it connected last; to its first it's
   * kind, or there would be nothing to see after that.
   */
  attack(random: Random): void {
    this.#spoiler.sparing = true;
    const next = (): void => {
      const place = this.#places.at(-1);
      if (place && place.path !== this.#places[0]?.path) void this.perform(randomAttack(random), place.path);
      this.#stop = this.domain.clock.after(EVERY_MS, next);
    };
    next();
  }
}

const RINGS = ['index', 'slot', 'spoil', 'spoil'] as const;

/** An attack, mostly on the rings: what goes on in the store alone is soon over. */
export function randomAttack(random: Random): Attack {
  const pick = <T>(values: readonly [T, ...T[]] | readonly T[]): T => values[random.below(values.length)] as T;
  const ring = pick([0, 1] as const);
  const value = pick([random.below(600), random.below(0x1_0000_0000)]);
  switch (
    pick([...RINGS, ...RINGS, 'event', 'revoke', 'frame', 'endless', 'key', 'lie', 'remove', 'vanish'] as const)
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
    case 'lie':
      return { kind: 'lie', key: pick(ATTACKED_KEYS), value: pick(ODD_VALUES) };
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
    case 'spoil': {
      const [what, at, times] = [pick(['slot', 'slot', 'index', 'data'] as const), random.below(64), pick([1, 1, 300])];
      return { kind: 'spoil', what, at, value: pick([pick(ODD_WORDS), value]), times };
    }
  }
}
