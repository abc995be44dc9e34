/** The latest packets of all peers, to tell whether what a driver forwards was wrong before. */
import { decodeFrame, type Frame } from '../../packet/frame.js';

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

  /** Whether a peer sent a packet of the flow of `content` whose checksum was wrong, or that the test altered. */
  isSpoiled(content: Frame): boolean {
    const flow = flowOf(content);
    return this.#packets.some(({ frame, saysBlank, isAltered }) => {
      const sent = decodeFrame(frame);
      if (!sent.ok || flow === undefined || flowOf(sent.value) !== flow) return false;
      return isAltered || (!saysBlank && !['complete', 'none'].includes(checksumOf(sent.value) ?? 'none'));
    });
  }
}

/** The addresses and ports of TCP or UDP. */
function flowOf(content: Frame): string | undefined {
  if (content.kind !== 'tcp' && content.kind !== 'udp') return undefined;
  const { sport, dport } = content.kind === 'tcp' ? content.tcp : content.udp;
  const [from, to] = [content.ip.source, content.ip.destination].map((address) => Buffer.from(address).toString('hex'));
  return `${content.kind} ${from} ${sport} ${to} ${dport}`;
}

const checksumOf = (content: Frame): string | undefined =>
  content.kind === 'tcp' ? content.tcp.checksum : content.kind === 'udp' ? content.udp.checksum : undefined;
