/** Bulk TCP between the local kernel and a guest's kernel, through a TAP device whose frames a peer forwards. */
import { loadNative, type NativeTap } from '../../native/index.js';
import { formatIpv4, formatMac } from '../packet/address.js';
import { decodeEthernet, ETHER_TYPE } from '../packet/ethernet.js';
import { decodeIpv4, IP_PROTOCOL } from '../packet/ipv4.js';
import { BackendPeer } from '../peer/backend.js';
import { BackendRx } from '../peer/backend-rx.js';
import type { PeerContext } from '../peer/context.js';
import { FrontendPeer } from '../peer/frontend.js';
import { FrontendTx } from '../peer/frontend-tx.js';
import { PREFIX } from '../peer/link.js';
import type { Extra } from '../protocol/extra.js';
import { GSO_TYPE, RXF, TXF } from '../protocol/netif.js';
import { compare, type Figure } from './figure.js';
import type { AnyPeer } from '../peer/any-peer.js';
import { type Guest, LiveVif } from './live.js';
import { type KernelPair, sameRings } from './peers.js';
import type { Shell } from './shell.js';
import { type Yardstick, localYardstick } from './yardstick.js';

const ROUNDS = 3;
const BYTES = 16 * 1024 * 1024;
const PORT = 5001;
const NETNS = 'netifspec-bench';
const DEVICE = 'bench0';
/** Frames queued for room in a ring; TCP sends dropped frames again. */
const BACKLOG = 512;
const MEGA = 1e6;

/** The header before each frame of the TAP device, by offset (virtio, "Device Operation" of network devices). */
const HEADER = {
  flags: 0,
  gsoType: 1,
  headerLength: 2,
  gsoSize: 4,
  checksumStart: 6,
  checksumOffset: 8,
  bytes: 10,
} as const;
const NEEDS_CHECKSUM = 1;
const GSO_TCPV4 = 1;
/** Offset of the checksum in the header of its protocol. */
const CHECKSUM_AT: Readonly<Record<number, number>> = { [IP_PROTOCOL.tcp]: 16, [IP_PROTOCOL.udp]: 6 };

/** Megabytes per second in each direction, compared with the kernel's own pair. */
export async function bulkAgainstKernel(
  context: PeerContext,
  guest: Guest,
  pair: KernelPair,
  { shell, program }: { readonly shell: Shell; readonly program: string },
): Promise<Figure[]> {
  const live = await LiveVif.connect(context, guest);
  await live.configure();
  const [own, theirs] = [live.peer.link.peer, live.peer.link.iut].map(({ ipv4 }) => ipv4) as [Uint8Array, Uint8Array];
  // Not the peer's own address: the stack of the peer would reset each connection.
  const address = formatIpv4(Uint8Array.of(...own.slice(0, 3), 3));
  const tap = await Tap.open(live.peer, address, shell).catch(async (error: unknown) => {
    await live.close();
    throw error;
  });
  const inside = localYardstick(shell, 'ip', 'netns', 'exec', NETNS, program);
  try {
    const name = guest.driver === 'netback' ? 'frontend peer' : 'backend peer';
    const yardsticks = sameRings(guest.driver, {
      fromNetfront: () => bulk(pair.there.yardstick, pair.here.yardstick, pair.here.address),
      toNetfront: () => bulk(pair.here.yardstick, pair.there.yardstick, pair.there.address),
    });
    return [
      await compare({
        name: `${name}: TCP to ${guest.driver}`,
        unit: 'MB/s',
        rounds: ROUNDS,
        ours: () => bulk(inside, guest.yardstick, formatIpv4(theirs)),
        yardstick: yardsticks.to,
      }),
      await compare({
        name: `${name}: TCP from ${guest.driver}`,
        unit: 'MB/s',
        rounds: ROUNDS,
        ours: () => bulk(guest.yardstick, inside, address),
        yardstick: yardsticks.from,
      }),
    ];
  } finally {
    await tap.close();
    await live.close();
  }
}

async function bulk(from: Yardstick, to: Yardstick, address: string): Promise<number> {
  const sink = await to.start('sink', PORT);
  const [rate] = await Promise.all([sink.result, from.run('pour', address, PORT, BYTES)]);
  return rate / MEGA;
}

/** A TAP device in a network namespace, connected to a peer: frames that enter at one leave at the other. */
class Tap {
  readonly #backlog: Frame[] = [];
  #flushing = false;
  #closed = false;

  private constructor(
    private readonly peer: AnyPeer,
    private readonly tap: NativeTap,
    private readonly shell: Shell,
  ) {
    tap.listen((error, bytes) => {
      if (error) throw error;
      if (bytes && this.#backlog.length < BACKLOG) this.#backlog.push(fromTap(bytes));
      this.#flush();
    });
  }

  static async open(peer: AnyPeer, address: string, shell: Shell): Promise<Tap> {
    const addon = loadNative();
    if ('unavailable' in addon) throw new Error(addon.unavailable);
    // A killed run may have left the namespace behind.
    await shell.start(['sh', '-c', `ip netns del ${NETNS} 2> /dev/null || :`]).lines;
    await shell.start(['ip', 'netns', 'add', NETNS]).lines;
    const options = { headerSize: HEADER.bytes, checksum: true, tso4: true, tso6: false } as const;
    const tap = new Tap(peer, new addon.Tap(DEVICE, NETNS, options), shell);
    const mac = formatMac(Uint8Array.of(...peer.link.peer.mac.slice(0, 5), 3));
    try {
      await tap.#ip('-n', NETNS, 'link', 'set', DEVICE, 'address', mac);
      await tap.#ip('-n', NETNS, 'addr', 'add', `${address}/${PREFIX}`, 'dev', DEVICE);
      await tap.#ip('-n', NETNS, 'link', 'set', DEVICE, 'up');
    } catch (error) {
      await tap.close();
      throw error;
    }
    // Not earlier: a device that is down refuses frames.
    tap.#hear();
    return tap;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.tap.close();
    await this.#ip('netns', 'del', NETNS);
  }

  async #ip(...args: readonly string[]): Promise<void> {
    await this.shell.start(['ip', ...args]).lines;
  }

  /** Called once for all frames that arrived together. */
  #flush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      if (!this.#closed) this.#send();
    });
  }

  #send(): void {
    const { peer } = this;
    peer.raise();
    for (let next = this.#backlog[0]; next && forwardFrame(peer, next); next = this.#backlog[0]) this.#backlog.shift();
    if (peer instanceof FrontendPeer) peer.queue.pushTx();
    else peer.queue.pushRx();
    if (this.#backlog.length === 0) return;
    const room = peer instanceof FrontendPeer ? peer.queue.tx.answered : peer.queue.posted;
    room.once(() => this.#flush());
  }

  #hear(): void {
    if (this.#closed) return;
    for (const packet of this.peer.received.splice(0)) {
      const first = 'slots' in packet ? packet.slots[0]?.response.flags : packet.requests[0]?.flags;
      const blank = ((first ?? 0) & ('slots' in packet ? RXF.csumBlank : TXF.csumBlank)) !== 0;
      const gso = packet.extras.find((extra) => extra.type === 'gso');
      // Frames for which the device has no room are lost, as on any link.
      this.tap.write(toTap({ frame: packet.frame, blank, gsoSize: gso?.size ?? 0 }));
    }
    this.peer.arrived.once(() => this.#hear());
  }
}

interface Frame {
  readonly frame: Uint8Array;
  /** The checksum is left to the receiver. */
  readonly blank: boolean;
  /** Payload bytes of each segment that the frame is to be cut into; 0 if it is not to be cut. */
  readonly gsoSize: number;
}

/** Puts a frame into the peer's ring; returns false if there is no room. */
function forwardFrame(peer: AnyPeer, { frame, blank, gsoSize }: Frame): boolean {
  const extras: Extra[] =
    gsoSize === 0 ? [] : [{ type: 'gso', flags: 0, size: gsoSize, gsoType: GSO_TYPE.tcpv4, pad: 0, features: 0 }];
  if (peer instanceof BackendPeer) {
    if (peer.queue.rx.buffers.length < BackendRx.slotsFor(frame, { extras })) return false;
    peer.queue.rx.enqueue(frame, { extras, flags: blank ? RXF.csumBlank | RXF.dataValidated : 0 });
    return true;
  }
  if (peer.queue.tx.ring.free() < FrontendTx.slotsFor(frame) + extras.length) return false;
  peer.queue.tx.enqueue(frame, { extras, flags: blank ? TXF.csumBlank | TXF.dataValidated : 0 });
  return true;
}

function fromTap(bytes: Buffer): Frame {
  return {
    frame: bytes.subarray(HEADER.bytes),
    blank: ((bytes[HEADER.flags] ?? 0) & NEEDS_CHECKSUM) !== 0,
    gsoSize: bytes[HEADER.gsoType] === GSO_TCPV4 ? bytes.readUInt16LE(HEADER.gsoSize) : 0,
  };
}

function toTap({ frame, blank, gsoSize }: Frame): Buffer {
  const bytes = Buffer.alloc(HEADER.bytes + frame.length);
  bytes.set(frame, HEADER.bytes);
  const outer = decodeEthernet(frame);
  const inner = outer.ok && outer.value.etherType === ETHER_TYPE.ipv4 ? decodeIpv4(outer.value.payload) : undefined;
  if (!blank || !inner?.ok) return bytes;
  const start = frame.length - inner.value.payload.length;
  const checksumAt = CHECKSUM_AT[inner.value.protocol] ?? 0;
  bytes[HEADER.flags] = NEEDS_CHECKSUM;
  bytes.writeUInt16LE(start, HEADER.checksumStart);
  bytes.writeUInt16LE(checksumAt, HEADER.checksumOffset);
  if (gsoSize === 0) return bytes;
  bytes[HEADER.gsoType] = GSO_TCPV4;
  bytes.writeUInt16LE(gsoSize, HEADER.gsoSize);
  bytes.writeUInt16LE(start + ((inner.value.payload[12] ?? 0) >> 4) * 4, HEADER.headerLength);
  return bytes;
}
