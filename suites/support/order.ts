/** Small and large packets in turn through a bridge, for both roles. */
import { sameBytes } from '../../harness/bytes/bytes.js';
import type { Host } from '../../harness/packet/build.js';
import { GSO_TYPE } from '../../harness/protocol/netif.js';
import type { Signal, WaitOptions } from '../../harness/xen/wait.js';
import { isPiece, LARGE, largeFrame, payloadOf } from './large-packets.js';
import { arrives } from './losses.js';
import { isPadded } from './padding.js';

/** Pairs of a small packet and a large one. */
const PAIRS = 4;

/** A packet and whether it is large. */
interface Sized {
  readonly frame: Uint8Array;
  readonly isLarge: boolean;
}

interface End {
  readonly link: { readonly peer: Host };
}

/** Small and large packets from one end of a bridge to the other, in turn, each with its own bytes. */
export function mixed(from: End & { frameTo(mac: Uint8Array): Uint8Array }, to: End): Sized[] {
  return Array.from({ length: PAIRS }, (_, n) => [
    { frame: from.frameTo(to.link.peer.mac), isLarge: false },
    { frame: largeFrame(from.link.peer, to.link.peer, LARGE - n, GSO_TYPE.tcpv4), isLarge: true },
  ]).flat();
}

interface Receiver {
  readonly received: readonly { readonly frame: Uint8Array }[];
  readonly arrived: Signal;
  until<T>(what: string, probe: () => T | undefined | false, options: WaitOptions): Promise<T>;
}

/** Waits for packets and returns the places in `sent` of those that arrived, in their order. Guests lose some and cut some. */
export async function orderOf(to: Receiver, sent: readonly Sized[]): Promise<number[]> {
  const places = (): number[] => {
    const found = to.received.map(({ frame }) => sent.findIndex((each) => isFirstOf(frame, each)));
    // A bridge may duplicate a packet.
    return [...new Set(found.filter((place) => place >= 0))];
  };
  await arrives(to.until('every packet', () => places().length === sent.length, { on: [to.arrived] }));
  return places();
}

/** Whether a frame is a packet, or the first segment of it. */
function isFirstOf(found: Uint8Array, { frame, isLarge }: Sized): boolean {
  if (!isLarge) return isPadded(found, frame);
  const payload = payloadOf(found);
  return isPiece(found, frame) && sameBytes(payload, payloadOf(frame).subarray(0, payload.length));
}
