/** The peers against the kernel's own drivers: small frames one way at a time, and pings. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { NO_INTERFACE, profileNamed } from '../guest/profile.js';
import type { Ssh } from '../guest/ssh.js';
import { formatIpv4, formatMac } from '../packet/address.js';
import { BACKEND_KEYS, BackendPeer } from '../peer/backend.js';
import type { PeerContext } from '../peer/context.js';
import { FrontendPeer } from '../peer/frontend.js';
import { linkOf, PREFIX } from '../peer/link.js';
import { createVif, removeVif, type VifAddress } from '../peer/vif.js';
import type { Domain, DomId } from '../xen/domain.js';
import { EventPump } from '../xen/event-pump.js';
import { Patience } from '../xen/wait.js';
import { compare, type Figure, timed } from './figure.js';
import type { Yardstick } from './yardstick.js';

const ROUNDS = 5;
const HANDLE = 20;
/** Bytes of a small frame. */
const SMALL = 60;
const FRAMES = 8000;
const PINGS = 100;
/** As many as a ring has slots. */
const RX_BUFFERS = 256;
/** Everything takes longer under emulation. */
const TIME_SCALE = 3;
const SSH_MS = 30_000;

/** A guest with a driver that is to be talked to. */
export interface Guest {
  readonly domain: DomId;
  readonly ssh: Ssh;
  readonly stick: Yardstick;
}

/** The vif that a guest has anyway, whose both ends are kernels. */
export interface KernelPair {
  /** The interface here that the guest's frames reach, and its MAC. */
  readonly here: { readonly device: string; readonly mac: string; readonly stick: Yardstick };
  readonly there: {
    readonly device: string;
    readonly mac: string;
    readonly address: string;
    readonly stick: Yardstick;
  };
}

type AnyPeer = FrontendPeer | BackendPeer;

/** A peer that is connected to a guest, and the guest's interface. */
interface Wire {
  readonly peer: AnyPeer;
  readonly guest: Guest;
  readonly device: string;
}

/** Frames a second each way, and microseconds of a ping, of both peers. */
export async function peersAgainstKernel(
  domain: Domain,
  guests: { readonly netfront: Guest; readonly netback: Guest },
  pair: KernelPair,
): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [name, guest] of Object.entries(guests) as ['netfront' | 'netback', Guest][]) {
    await connected(domain, name, guest, async (wire) => {
      const peer = name === 'netback' ? 'frontend peer' : 'backend peer';
      figures.push(
        await compare({
          name: `${peer}: small frames to ${name}`,
          unit: 'frames/s',
          rounds: ROUNDS,
          ours: () => toGuest(wire),
          yardstick: { name: "kernel's pair, to the guest", measure: () => kernelToGuest(pair) },
        }),
        await compare({
          name: `${peer}: small frames from ${name}`,
          unit: 'frames/s',
          rounds: ROUNDS,
          ours: () => fromGuest(wire),
          yardstick: { name: "kernel's pair, from the guest", measure: () => kernelFromGuest(pair) },
        }),
        await compare({
          name: `${peer}: ping of ${name}`,
          unit: 'µs',
          rounds: ROUNDS,
          ours: async () => {
            const ms = await timed(async () => {
              for (let n = 0; n < PINGS; n++) await wire.peer.ping();
            });
            return (ms / PINGS) * 1000;
          },
          yardstick: { name: "kernel's pair, ping", measure: () => kernelPing(pair.there.address) },
        }),
      );
    });
  }
  return figures;
}

async function connected(
  domain: Domain,
  driver: 'netfront' | 'netback',
  guest: Guest,
  work: (wire: Wire) => Promise<void>,
): Promise<void> {
  const link = linkOf(HANDLE);
  const vif: VifAddress =
    driver === 'netback'
      ? { frontend: domain.id, backend: guest.domain, handle: HANDLE, peer: 'frontend' }
      : { frontend: guest.domain, backend: domain.id, handle: HANDLE, peer: 'backend' };
  const patience = new Patience(domain.clock, TIME_SCALE);
  const context: PeerContext = { domain, pump: new EventPump(domain.events), patience };
  const backendKeys = driver === 'netfront' ? BACKEND_KEYS : {};
  await createVif(domain.store, vif, { mac: formatMac(link.iut.mac), backendKeys });
  let peer: AnyPeer;
  if (driver === 'netback') {
    peer = await FrontendPeer.create(context, vif, link);
    await peer.connect({ rxBuffers: RX_BUFFERS });
  } else {
    peer = await BackendPeer.create(context, vif, link);
    await peer.connect();
  }
  try {
    const profile = profileNamed('linux');
    const address = { ipv4: formatIpv4(link.iut.ipv4), prefix: PREFIX };
    const script =
      driver === 'netback'
        ? profile.configureVif({ device: `vif${vif.frontend}.${vif.handle}`, ...address })
        : profile.configureInterface({ mac: formatMac(link.iut.mac), ...address });
    const device = await patience.until('interface in the guest', async () => {
      const { code, stdout, stderr } = await guest.ssh.exec(script, { deadlineMs: SSH_MS });
      if (code === NO_INTERFACE) return undefined;
      if (code !== 0) throw new Error(`the guest's interface can't be set up: ${stderr}`);
      return stdout.trim();
    });
    await peer.arp();
    await work({ peer, guest, device });
    await peer.disconnect();
  } finally {
    await peer.close();
    await removeVif(domain.store, vif);
  }
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
  await peer.until('room in the tx ring', () => queue.tx.ring.free() >= RX_BUFFERS / 2, { on: [queue.tx.answered] });
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
  let [frames, first, last] = [0, 0, 0];
  while (frames < FRAMES) {
    await peer.until('frames', () => peer.received.length > 0 || isOver, { on: [peer.arrived] });
    const count = peer.received.splice(0).length;
    // What is still under way then is lost: SSH's answer has come after it.
    if (count === 0) break;
    last = performance.now();
    if (frames === 0) first = last;
    frames += count;
  }
  await sending;
  return (frames / (last - first)) * 1000;
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
async function kernelPing(address: string): Promise<number> {
  const { stdout } = await promisify(execFile)('ping', ['-q', '-n', '-c', String(PINGS), '-i', '0.002', address]);
  const [, average] = /= [\d.]+\/([\d.]+)\//.exec(stdout) ?? [];
  if (average === undefined) throw new Error(`ping ${address}: ${stdout}`);
  return Number(average) * 1000;
}
