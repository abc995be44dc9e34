/** Packets of one TCP flow: a link may carry others. */
import { sameBytes } from '../../harness/bytes/bytes.js';
import { decodeFrame } from '../../harness/packet/frame.js';

/** Whether a frame is TCP with the source MAC and the ports of `sent`. */
export function isOfFlow(found: Uint8Array, sent: Uint8Array): boolean {
  const [one, other] = [decodeFrame(found), decodeFrame(sent)];
  if (!one.ok || !other.ok || one.value.kind !== 'tcp' || other.value.kind !== 'tcp') return false;
  const [{ ethernet, tcp }, { ethernet: from, tcp: by }] = [one.value, other.value];
  return sameBytes(ethernet.source, from.source) && tcp.sport === by.sport && tcp.dport === by.dport;
}
