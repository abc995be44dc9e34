/** The peers against the kernel's own drivers: small frames one way at a time, and pings. */
import { formatMac } from '../packet/address.js';
import { decodeEthernet, LOCAL_EXPERIMENT } from '../packet/ethernet.js';
import type { BackendPeer } from '../peer/backend.js';
import type { PeerContext } from '../peer/context.js';
import { FrontendPeer } from '../peer/frontend.js';
import { TX_RING } from '../protocol/ring.js';
import { compare, type Figure, type Measure, type NamedMeasure, timed } from './figure.js';
import { type AnyPeer, type Driver, type Guest, LiveVif } from './live.js';
import type { Shell } from './shell.js';
import type { Yardstick } from './yardstick.js';

const ROUNDS = 5;
/** Bytes of a small frame. */
const SMALL = 60;
const FRAMES = 8000;
const PINGS = 100;

/** The vif that a guest has anyway, whose both ends are kernels. */
export interface KernelPair {
  /** The interface here that the guest's frames reach, and its addresses. */
  readonly here: { readonly device: string; readonly mac: string; readonly address: string; readonly stick: Yardstick };
  readonly there: {
    readonly device: string;
    readonly mac: string;
    readonly address: string;
    readonly stick: Yardstick;
  };
}

/** A peer that is connected to a guest, and the guest's interface. */
interface Wire {
  readonly peer: AnyPeer;
  readonly guest: Guest;
  readonly device: string;
}

/**
 * What the kernel's own pair does, by what a guest's driver is given and what it gives: the same ring is compared,
 * whichever domain its frontend is in.
 */
export function sameRings(
  driver: Driver,
  pair: { readonly fromNetfront: Measure; readonly toNetfront: Measure },
): { to: NamedMeasure; from: NamedMeasure } {
  const tx = { name: "kernel's netfront to netback, and a bridge", measure: pair.fromNetfront };
  const rx = { name: "a bridge, and kernel's netback to netfront", measure: pair.toNetfront };
  return driver === 'netback' ? { to: tx, from: rx } : { to: rx, from: tx };
}

/** Frames a second each way, and microseconds of a ping, of the peer of a guest's driver. */
export async function peerAgainstKernel(
  context: PeerContext,
  guest: Guest,
  pair: KernelPair,
  shell: Shell,
): Promise<Figure[]> {
  const live = await LiveVif.connect(context, guest);
  const wire: Wire = { peer: live.peer, guest, device: await live.configure() };
  const name = guest.driver === 'netback' ? 'frontend peer' : 'backend peer';
  const yardsticks = sameRings(guest.driver, {
    fromNetfront: () => kernelFromGuest(pair),
    toNetfront: () => kernelToGuest(pair),
  });
  const figures = [
    await compare({
      name: `${name}: small frames to ${guest.driver}`,
      unit: 'frames/s',
      rounds: ROUNDS,
      ours: () => toGuest(wire),
      yardstick: yardsticks.to,
    }),
    await compare({
      name: `${name}: small frames from ${guest.driver}`,
      unit: 'frames/s',
      rounds: ROUNDS,
      ours: () => fromGuest(wire),
      yardstick: yardsticks.from,
    }),
    await compare({
      name: `${name}: ping of ${guest.driver}`,
      unit: 'µs',
      rounds: ROUNDS,
      ours: async () => {
        const ms = await timed(async () => {
          for (let n = 0; n < PINGS; n++) await wire.peer.ping();
        });
        return (ms / PINGS) * 1000;
      },
      yardstick: { name: "kernel's pair, ping", measure: () => kernelPing(shell, pair.there.address) },
    }),
  ];
  await live.close();
  return figures;
}

async function toGuest({ peer, guest, device }: Wire): Promise<number> {
  const receiver = await guest.stick.start('receive', device, FRAMES);
  const frame = peer.quietFrame(SMALL);
  for (let sent = 0; sent < FRAMES;)
    sent += await (peer instanceof FrontendPeer ? fillTx(peer, frame) : fillRx(peer, frame));
  return receiver.result;
}

/** As many frames as there is room for, which is waited for until it's half of the ring; answers how many. */
async function fillTx(peer: FrontendPeer, frame: Uint8Array): Promise<number> {
  const { queue } = peer;
  await peer.until('room in the tx ring', () => queue.tx.ring.free() >= TX_RING.size / 2, { on: [queue.tx.answered] });
  let count = 0;
  for (; queue.tx.ring.free() > 0; count++) queue.tx.enqueue(frame);
  queue.pushTx();
  return count;
}

async function fillRx(peer: BackendPeer, frame: Uint8Array): Promise<number> {
  const { queue } = peer;
  await peer.buffers(1);
  let count = 0;
  for (; queue.rx.buffers.length > 0; count++) queue.rx.enqueue(frame);
  queue.pushRx();
  return count;
}

async function fromGuest({ peer, guest, device }: Wire): Promise<number> {
  let isOver = false;
  const sending = guest.stick.run('send', device, formatMac(peer.link.peer.mac), FRAMES, SMALL).finally(() => {
    isOver = true;
    peer.arrived.fire();
  });
  sending.catch(() => undefined);
  // Those that came before the clock was started don't count for the rate.
  let [frames, before, first, last] = [0, 0, 0, 0];
  while (frames < FRAMES) {
    await peer.until('frames', () => peer.received.length > 0 || isOver, { on: [peer.arrived] });
    const came = peer.received.splice(0);
    // What is still under way then is lost: SSH's answer has come after it.
    if (came.length === 0) break;
    last = performance.now();
    frames += came.filter(({ frame }) => isSmall(frame)).length;
    if (before === 0) [before, first] = [frames, last];
  }
  await sending;
  if (frames === before) throw new Error(`${frames} frames, all at once: no rate`);
  return ((frames - before) / (last - first)) * 1000;
}

function isSmall(frame: Uint8Array): boolean {
  const outer = decodeEthernet(frame);
  return outer.ok && outer.value.etherType === LOCAL_EXPERIMENT;
}

async function kernelToGuest({ here, there }: KernelPair): Promise<number> {
  const receiver = await there.stick.start('receive', there.device, FRAMES);
  await here.stick.run('send', here.device, there.mac, FRAMES, SMALL);
  return receiver.result;
}

async function kernelFromGuest({ here, there }: KernelPair): Promise<number> {
  const receiver = await here.stick.start('receive', here.device, FRAMES);
  await there.stick.run('send', there.device, here.mac, FRAMES, SMALL);
  return receiver.result;
}

/** Microseconds, as ping has them in its last line: min/avg/max/mdev in milliseconds. */
async function kernelPing(shell: Shell, address: string): Promise<number> {
  // The next as soon as one has its answer, as the peer does it.
  const lines = await shell.start(['ping', '-q', '-n', '-f', '-c', PINGS, address]).lines;
  const [, average] = /= [\d.]+\/([\d.]+)\//.exec(lines.join('\n')) ?? [];
  if (average === undefined) throw new Error(`ping ${address}: ${lines.join(' ')}`);
  return Number(average) * 1000;
}
