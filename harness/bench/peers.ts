/** The peers compared with the kernel's own drivers: small frames in one direction at a time, and pings. */
import { formatMac } from '../packet/address.js';
import { decodeEthernet, LOCAL_EXPERIMENT } from '../packet/ethernet.js';
import type { BackendPeer } from '../peer/backend.js';
import type { PeerContext } from '../peer/context.js';
import { FrontendPeer } from '../peer/frontend.js';
import { TX_RING } from '../protocol/ring.js';
import { compare, type Figure, type Measure, type NamedMeasure, timed } from './figure.js';
import type { AnyPeer } from '../peer/any-peer.js';
import { type Driver, type Guest, LiveVif } from './live.js';
import type { Shell } from './shell.js';
import type { Yardstick } from './yardstick.js';

const ROUNDS = 5;
/** Bytes of a small frame. */
const SMALL = 60;
const FRAMES = 8000;
const PINGS = 100;

/** The guest's regular vif, with kernel drivers at both ends. */
export interface KernelPair {
  /** The interface in this domain that receives the guest's frames, and its addresses. */
  readonly here: {
    readonly device: string;
    readonly mac: string;
    readonly address: string;
    readonly yardstick: Yardstick;
  };
  readonly there: {
    readonly device: string;
    readonly mac: string;
    readonly address: string;
    readonly yardstick: Yardstick;
  };
}

/** A peer connected to a guest, and the guest's interface. */
interface Wire {
  readonly peer: AnyPeer;
  readonly guest: Guest;
  readonly device: string;
}

/**
 * The rates of the kernel's own pair in the direction that a guest's driver receives and in the one that it sends: the
 * same ring is compared, whichever domain has the frontend.
 */
export function sameRings(
  driver: Driver,
  pair: { readonly fromNetfront: Measure; readonly toNetfront: Measure },
): { to: NamedMeasure; from: NamedMeasure } {
  const tx = { name: "kernel's netfront to netback, and a bridge", measure: pair.fromNetfront };
  const rx = { name: "a bridge, and kernel's netback to netfront", measure: pair.toNetfront };
  return driver === 'netback' ? { to: tx, from: rx } : { to: rx, from: tx };
}

/** Frames per second in each direction, and microseconds of a ping, of the peer of a guest's driver. */
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
  const receiver = await guest.yardstick.start('receive', device, FRAMES);
  const frame = peer.quietFrame(SMALL);
  for (let sent = 0; sent < FRAMES;)
    sent += await (peer instanceof FrontendPeer ? fillTx(peer, frame) : fillRx(peer, frame));
  return receiver.result;
}

/** Fills the tx ring, once at least half of it is free; returns the number of frames. */
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
  const sending = guest.yardstick.run('send', device, formatMac(peer.link.peer.mac), FRAMES, SMALL).finally(() => {
    isOver = true;
    peer.arrived.fire();
  });
  sending.catch(() => undefined);
  // Frames that arrived before the first timestamp don't count.
  let [frames, before, first, last] = [0, 0, 0, 0];
  while (frames < FRAMES) {
    await peer.until('frames', () => peer.received.length > 0 || isOver, { on: [peer.arrived] });
    const came = peer.received.splice(0);
    // Frames that are still in flight are lost: SSH has already reported the end of the sender.
    if (came.length === 0) break;
    last = performance.now();
    frames += came.filter(({ frame }) => isSmall(frame)).length;
    if (before === 0) [before, first] = [frames, last];
  }
  await sending;
  if (frames === before) throw new Error(`${frames} frames, all received at once: no rate`);
  return ((frames - before) / (last - first)) * 1000;
}

function isSmall(frame: Uint8Array): boolean {
  const outer = decodeEthernet(frame);
  return outer.ok && outer.value.etherType === LOCAL_EXPERIMENT;
}

async function kernelToGuest({ here, there }: KernelPair): Promise<number> {
  const receiver = await there.yardstick.start('receive', there.device, FRAMES);
  await here.yardstick.run('send', here.device, there.mac, FRAMES, SMALL);
  return receiver.result;
}

async function kernelFromGuest({ here, there }: KernelPair): Promise<number> {
  const receiver = await here.yardstick.start('receive', here.device, FRAMES);
  await there.yardstick.run('send', there.device, here.mac, FRAMES, SMALL);
  return receiver.result;
}

/** Microseconds, from the last line of ping: min/avg/max/mdev in milliseconds. */
async function kernelPing(shell: Shell, address: string): Promise<number> {
  // Each ping is sent as soon as the previous one has its reply, as the peer does.
  const lines = await shell.start(['ping', '-q', '-n', '-f', '-c', PINGS, address]).lines;
  const [, average] = /= [\d.]+\/([\d.]+)\//.exec(lines.join('\n')) ?? [];
  if (average === undefined) throw new Error(`ping ${address}: ${lines.join(' ')}`);
  return Number(average) * 1000;
}
