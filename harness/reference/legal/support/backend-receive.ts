/** How legal backends place packets in rx buffers. */
import { decodeFrame } from '../../../packet/frame.js';
import { encodeEthernet } from '../../../packet/ethernet.js';
import { encodeIpv4 } from '../../../packet/ipv4.js';
import { encodeIpv6 } from '../../../packet/ipv6.js';
import { encodeTcp } from '../../../packet/tcp.js';
import { RSP, RXF } from '../../../protocol/netif.js';
import { encodeRxResponse } from '../../../protocol/rx.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';

/** Places the headroom before the packet as part of the data. */
export const headroomInStatus: Pick<BackendSteps, 'fill'> = {
  fill(vif, queue, request, piece, flags) {
    if (vif.headroom === 0) return correct.fill(vif, queue, request, piece, flags);
    const bytes = new Uint8Array(vif.headroom + piece.length);
    bytes.set(piece, vif.headroom);
    const [status] = vif.domain.grants.copyTo([{ domain: queue.frontend, ref: request.gref, offset: 0, bytes }]);
    const ok = status === 0;
    const response = { id: request.id, offset: 0, flags, status: ok ? bytes.length : RSP.error };
    queue.rx.put(encodeRxResponse(response));
  },
};

/** Leaves the headroom in the first page of a packet only. */
export function headroomInFirst(): Pick<BackendSteps, 'pieces' | 'offsetFor' | 'fill'> {
  let isFirst = true;
  return {
    pieces(vif, frame) {
      const room = PAGE_SIZE - vif.headroom;
      const later = Math.ceil(Math.max(0, frame.length - room) / PAGE_SIZE);
      const rest = Array.from({ length: later }, (_, n) => frame.subarray(room + n * PAGE_SIZE).subarray(0, PAGE_SIZE));
      return [frame.subarray(0, room), ...rest];
    },
    offsetFor: (vif) => (isFirst ? vif.headroom : 0),
    fill(vif, queue, request, piece, flags) {
      // With headroom, the first slot has an extra.
      isFirst = (flags & RXF.extraInfo) !== 0;
      correct.fill(vif, queue, request, piece, flags);
    },
  };
}

/** Clears a whole buffer before a packet is written into it. */
export const pageZeroed: Pick<BackendSteps, 'fill'> = {
  fill(vif, queue, request, piece, flags) {
    const page = queue.mapped.page(request.gref) ?? queue.rxPool.page(request.gref);
    const bytes = new Uint8Array(PAGE_SIZE);
    if (page?.writable) page.copyIn(0, bytes);
    else if (!page) vif.domain.grants.copyTo([{ domain: queue.frontend, ref: request.gref, offset: 0, bytes }]);
    correct.fill(vif, queue, request, piece, flags);
  },
};

/** Leaves the checksum of the stack's own TCP blank; `fitting` completes it if the frontend does not accept that. */
export const leftBlank: Pick<BackendSteps, 'accept'> = {
  accept(vif, queue, packet) {
    if (vif.bridgedTo) return correct.accept(vif, queue, packet);
    for (const frame of vif.stack.receive(packet.frame, packet)) {
      const blank = withoutChecksum(frame);
      vif.steps.send(vif, queue, blank ? { frame: blank, csumBlank: true } : { frame, csumBlank: false });
    }
  },
};

/** A TCP frame with a blank checksum; undefined for any other frame. */
function withoutChecksum(frame: Uint8Array): Uint8Array | undefined {
  const it = decodeFrame(frame);
  if (!it.ok || it.value.kind !== 'tcp') return undefined;
  const { ethernet, ip, tcp } = it.value;
  const payload = encodeTcp({ ...tcp, checksum: 'blank' }, ip);
  const packet =
    ip.version === 4 ? encodeIpv4({ ...ip, payload, checksum: 'complete' }) : encodeIpv6({ ...ip, payload });
  return encodeEthernet({ ...ethernet, payload: packet });
}

/** Keeps packets that wait for a buffer, and asks for no event when there is one. */
export const withoutAsking: Pick<BackendSteps, 'drainBacklog'> = {
  drainBacklog(vif, queue) {
    correct.drainBacklog(vif, queue);
    if (queue.backlog.length > 0) queue.rx.setReqEvent(queue.rx.reqCons);
  },
};

/** Looks for new buffers only at the next event once `sleeps` is true after the step `drainBacklog`. */
export function untilNextEvent(
  { drainBacklog }: Pick<BackendSteps, 'drainBacklog'>,
  sleeps: (...args: Parameters<BackendSteps['drainBacklog']>) => boolean,
): Pick<BackendSteps, 'serve' | 'drainBacklog'> {
  const asleep = new WeakSet<object>();
  return {
    serve(vif, queue) {
      asleep.delete(queue);
      correct.serve(vif, queue);
    },
    drainBacklog(vif, queue) {
      if (asleep.has(queue)) return;
      drainBacklog(vif, queue);
      if (sleeps(vif, queue)) asleep.add(queue);
    },
  };
}
