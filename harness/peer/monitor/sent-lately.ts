/** The latest packets of all peers, to find out whether what a driver forwards was wrong before. */
import { sameBytes } from '../../bytes/bytes.js';
import { decodeFrame, type Frame, transportOf } from '../../packet/frame.js';

/** Packets that are remembered: more than any test has in flight. */
const LATELY = 1024;

/** A packet as a peer sent it. */
export interface SentPacket {
  readonly frame: Uint8Array;
  /** Whether its checksum is flagged blank. */
  readonly saysBlank: boolean;
  /** Whether the test altered its slots. */
  readonly isAltered: boolean;
}

export class SentLately {
  readonly #packets: SentPacket[] = [];
  #next = 0;

  add(packet: SentPacket): void {
    this.#packets[this.#next++ % LATELY] = packet;
  }

  /** Whether a peer sent this frame, which may be padded since, with the flag of a blank checksum. */
  wasBlank(frame: Uint8Array): boolean {
    const isIt = (sent: Uint8Array): boolean => sameBytes(sent, frame.subarray(0, sent.length));
    return this.#packets.some(({ saysBlank, frame: sent }) => saysBlank && isIt(sent));
  }

  /** Whether a peer sent a packet of the flow of `content` whose checksum was wrong, or that the test altered. */
  isSpoiled(content: Frame): boolean {
    const flow = flowOf(content);
    return this.#packets.some(({ frame, saysBlank, isAltered }) => {
      const sent = decodeFrame(frame);
      if (!sent.ok || flow === undefined || flowOf(sent.value) !== flow) return false;
      return isAltered || (!saysBlank && !INTACT.includes(transportOf(sent.value)?.header.checksum));
    });
  }
}

/** Checksums that are not wrong: a datagram over IPv4 may have none. */
const INTACT: readonly (string | undefined)[] = ['complete', 'none'];

/** The protocol, addresses and ports of TCP or UDP. */
function flowOf(content: Frame): string | undefined {
  const { ip, header } = transportOf(content) ?? {};
  if (!ip || !header) return undefined;
  const [from, to] = [ip.source, ip.destination].map((address) => Buffer.from(address).toString('hex'));
  return `${content.kind} ${from} ${header.sport} ${to} ${header.dport}`;
}
