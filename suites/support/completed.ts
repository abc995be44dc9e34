/** Checksums of all kinds of packets through a bridge, for chapters that judge how they come out. */
import { expect } from 'chai';
import { getNumber, sameBytes } from '../../harness/bytes/bytes.js';
import { ADDRESSES, ETHER_TYPE } from '../../harness/packet/ethernet.js';
import { tcpChecksum, udpChecksum } from '../../harness/packet/match.js';
import type { Host } from '../../harness/packet/build.js';
import type { TestContext } from '../../harness/run/suite.js';
import type { Signal, WaitOptions } from '../../harness/xen/wait.js';
import { BASIC, type Checksummed, type Forms } from './frame-shapes.js';
import { arrives } from './losses.js';

/** Milliseconds to wait for a packet that a guest may filter out. */
const FILTER_MS = 400;
/** How often a packet is sent that does not come out. */
const TRIES = 2;

interface Sender<S> {
  readonly link: { readonly peer: Host };
  send(frame: Uint8Array, shape: S): Promise<void>;
}

interface Receiver<P> {
  readonly link: { readonly peer: Host };
  readonly received: P[];
  readonly arrived: Signal;
  until<T>(what: string, probe: () => T | undefined | false, options: WaitOptions): Promise<T>;
}

/** A packet as it came out, and whether its checksum is complete; UDP over IPv4 may have none instead. */
export interface CameOut<P> {
  readonly name: string;
  readonly packet: P;
  readonly isComplete: boolean;
}

/** Sends packets with blank checksums into a bridge and returns those that come out: a guest may filter out some. */
export async function blanksThrough<P extends { readonly frame: Uint8Array }, S>(
  peers: readonly [Sender<S>, Receiver<P>],
  kinds: readonly Checksummed[],
  shape: S,
): Promise<CameOut<P>[]> {
  const out: CameOut<P>[] = [];
  for (const kind of kinds) {
    const came = await blankThrough(peers, kind, () => shape);
    if (came) out.push(came);
  }
  return out;
}

/** Sends a packet with a blank checksum into a bridge and returns it as it comes out; undefined if it does not. */
export function blankThrough<P extends { readonly frame: Uint8Array }, S>(
  peers: readonly [Sender<S>, Receiver<P>],
  kind: Checksummed,
  shapeOf: (frame: Uint8Array) => S,
): Promise<CameOut<P> | undefined> {
  return sumThrough(peers, kind, ({ blank }) => blank, shapeOf);
}

/** What {@link checkWrongSums} sends and sees. */
interface WrongSums<P, S> {
  readonly shape: S;
  /** The checksum flags of each slot of a packet. */
  readonly flagsOf: (packet: P) => readonly number[];
  /** Whether a packet is flagged csum_blank. */
  readonly isBlank: (packet: P) => boolean;
}

/**
 * Sends packets with wrong checksums into a bridge and checks that they come out wrong and without checksum flags. A guest
 * may drop them.
 */
export async function checkWrongSums<P extends { readonly frame: Uint8Array }, S>(
  t: Pick<TestContext<never>, 'check' | 'skip'>,
  peers: readonly [Sender<S>, Receiver<P>],
  { shape, flagsOf, isBlank }: WrongSums<P, S>,
): Promise<void> {
  let checked = 0;
  for (const kind of BASIC) {
    const came = await sumThrough(peers, kind, withWrongSum, () => shape);
    if (!came) continue;
    checked++;
    const { packet } = came;
    const isRepaired = came.isComplete || isBlank(packet);
    await t.check('CSUM-16', () => expect(isRepaired, `${kind.name}: checksum was repaired`).to.equal(false));
    if (isRepaired) continue;
    await t.check('CSUM-10', () => {
      const flags = flagsOf(packet);
      expect(flags, `${kind.name}: checksum flags of each slot`).to.deep.equal(flags.map(() => 0));
    });
  }
  if (checked === 0) t.skip('the guest drops packets with wrong checksums');
}

/** A packet whose checksum is neither complete nor blank. */
function withWrongSum({ blank, complete }: Forms): Uint8Array {
  const first = blank.findIndex((byte, n) => byte !== complete[n]);
  const wrong = (n: number): number => [1, 2, 3].find((byte) => byte !== blank[n] && byte !== complete[n]) ?? 0;
  return complete.map((byte, n) => (n === first ? wrong(n) : byte));
}

/** Sends a packet in one of its forms into a bridge and returns it as it comes out; undefined if it does not. */
async function sumThrough<P extends { readonly frame: Uint8Array }, S>(
  [from, to]: readonly [Sender<S>, Receiver<P>],
  { name, make }: Checksummed,
  formOf: (forms: Forms) => Uint8Array,
  shapeOf: (frame: Uint8Array) => S,
): Promise<CameOut<P> | undefined> {
  const forms = make(from.link.peer, to.link.peer);
  const frame = formOf(forms);
  for (let n = 0; n < TRIES && !cameOut(to.received, name, forms); n++) {
    await from.send(frame, shapeOf(frame));
    const came = (): boolean => cameOut(to.received, name, forms) !== undefined;
    await arrives(to.until(name, came, { on: [to.arrived], ms: FILTER_MS }));
  }
  return cameOut(to.received, name, forms) ?? misplaced(to.received, name, forms);
}

/** A packet that came out with two bytes changed elsewhere than in its checksum, which is not complete. */
function misplaced<P extends { readonly frame: Uint8Array }>(
  received: readonly P[],
  name: string,
  { blank, complete }: Forms,
): CameOut<P> | undefined {
  const sum = blank.findIndex((byte, n) => byte !== complete[n]);
  const packet = received.find(({ frame }) => {
    // A bridge may change the priority in a VLAN tag.
    if (getNumber(frame, 16, ADDRESSES) === ETHER_TYPE.vlan) return false;
    const changed = changedBytes(frame, blank).filter((n) => n < sum - 1 || n > sum + 1);
    return isOneField(changed) && (tcpChecksum(frame) ?? udpChecksum(frame)) !== 'complete';
  });
  return packet && { name, packet, isComplete: false };
}

/** Where the bytes of a frame that came out differ from those of one that was sent; all of them if it is shorter. */
function changedBytes(frame: Uint8Array, sent: Uint8Array): number[] {
  return [...sent.keys()].filter((n) => frame.length < sent.length || frame[n] !== sent[n]);
}

/** Whether some bytes are one or two adjacent ones, as a checksum is. */
const isOneField = ([first = 0, ...later]: readonly number[]): boolean =>
  first > 0 && later.every((n) => n === first + 1);

/** A frame that came out as another one with a checksum in it that the other one does not have; undefined if none did. */
export function withForeignSum<P extends { readonly frame: Uint8Array }>(
  received: readonly P[],
  sent: Uint8Array,
): P | undefined {
  return received.find(({ frame }) => isOneField(changedBytes(frame, sent)));
}

/** A packet as it is among those that came out; undefined if it is not. */
export function cameOut<P extends { readonly frame: Uint8Array }>(
  received: readonly P[],
  name: string,
  { blank, complete, none }: Forms,
): CameOut<P> | undefined {
  const packet = received.find(({ frame }) => differsInSum(frame, blank, complete));
  if (!packet) return undefined;
  const isForm = (form: Uint8Array): boolean => sameBytes(packet.frame.subarray(0, form.length), form);
  return { name, packet, isComplete: isForm(complete) || (none !== undefined && isForm(none)) };
}

/** Whether a frame is another one, whatever its checksum: the place where the other's two forms differ. */
function differsInSum(frame: Uint8Array, blank: Uint8Array, complete: Uint8Array): boolean {
  if (frame.length < blank.length) return false;
  const first = blank.findIndex((byte, n) => byte !== complete[n]);
  const isSum = (n: number): boolean => n >= first - 1 && n <= first + 1;
  return blank.every((byte, n) => frame[n] === byte || isSum(n));
}
