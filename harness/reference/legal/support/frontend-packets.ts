/** What correct frontends choose for the packets that they send and receive. */
import { ETHERNET_HEADER } from '../../../packet/ethernet.js';
import { tcpChecksum, udpChecksum } from '../../../packet/match.js';
import { blankChecksum, completeChecksum } from '../../../packet/offload.js';
import { decodeExtra, encodeExtra, EXTRA_BYTES } from '../../../protocol/extra.js';
import { KEY, NR_SLOTS_MIN, RXF, TXF } from '../../../protocol/netif.js';
import { slotOffset } from '../../../protocol/ring.js';
import { decodeRxResponse } from '../../../protocol/rx.js';
import { type Offer, PAGE_SIZE } from '../../../xen/domain.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendQueueState, FrontendVif } from '../../frontend.js';
import { fit, type VifPacket } from '../../packet.js';

const SHORTEST_FRAME = 60;

/**
 * Splits each frame into pieces if the backend has feature-sg; a frame that needs too many slots is laid out as usual.
 */
const pieces = (lengthsOf: (length: number) => number[]): Partial<FrontendSteps> => ({
  fragments(vif, length) {
    const lengths = vif.offers[KEY.featureSg] ? lengthsOf(length) : [];
    const fits = lengths.length > 0 && lengths.length <= NR_SLOTS_MIN && lengths.every((each) => each <= PAGE_SIZE);
    return fits ? lengths : correct.fragments(vif, length);
  },
});

/** Puts the headers into a separate slot, and the data into slots of at most 500 bytes. */
export const smallSlots = pieces((length) => {
  const head = Math.min(length, 54);
  const count = Math.ceil((length - head) / 500);
  return [head, ...Array.from({ length: count }, (_, n) => Math.min(500, length - head - n * 500))];
});

/** Uses all of the 18 slots for each packet. */
export const allSlots = pieces((length) => {
  const later = Math.floor((length - ETHERNET_HEADER) / (NR_SLOTS_MIN - 1));
  return [length - later * (NR_SLOTS_MIN - 1), ...Array<number>(NR_SLOTS_MIN - 1).fill(later)];
});

/** Ends each packet with a slot of size 0. */
export const emptySlot = pieces((length) => [...correct.fragments({} as FrontendVif, length), 0]);

/** Begins each fragment where it ends with its page, or at `at`. */
export const offsets = (at: number | 'end'): Partial<FrontendSteps> => ({
  txOffset: (length) => (at === 'end' ? PAGE_SIZE - length : Math.min(at, PAGE_SIZE - length)),
});

/** Has at most `most` tx requests outstanding and drops further packets. */
export const fewTxRequests = (most: number): Partial<FrontendSteps> => ({
  hasRoom: (queue, slots) => queue.sending.size + slots <= most && queue.tx.free() > slots,
});

/** Queues packets while the tx ring is full. */
export const queuesTx = (): Partial<FrontendSteps> => {
  const waiting = new WeakMap<FrontendQueueState, VifPacket[]>();
  return {
    transmit(vif, queue, packet) {
      const backlog = waiting.get(queue) ?? [];
      waiting.set(queue, backlog);
      if (backlog.length < 1000) backlog.push(packet);
      for (let next = backlog[0]; next && queue.tx.free() > NR_SLOTS_MIN + 1; next = backlog[0]) {
        backlog.shift();
        correct.transmit(vif, queue, next);
      }
    },
    serveTx(vif, queue) {
      correct.serveTx(vif, queue);
      const [next, ...rest] = waiting.get(queue)?.splice(0) ?? [];
      waiting.set(queue, rest);
      if (next) vif.steps.transmit(vif, queue, next);
    },
  };
};

/** Queues packets while `most` or more tx requests of its ring are outstanding. */
export const fewAtATime = (most: number): Partial<FrontendSteps> => {
  const waiting = new WeakMap<FrontendQueueState, VifPacket[]>();
  const next = (vif: FrontendVif, queue: FrontendQueueState): void => {
    const backlog = waiting.get(queue) ?? [];
    for (let packet = backlog[0]; packet && queue.sending.size < most; packet = backlog[0]) {
      backlog.shift();
      correct.transmit(vif, queue, packet);
    }
  };
  return {
    transmit(vif, queue, packet) {
      const backlog = waiting.get(queue) ?? [];
      waiting.set(queue, backlog);
      if (backlog.length < 1000) backlog.push(...vif.steps.fitting(vif, packet));
      next(vif, queue);
    },
    serveTx(vif, queue) {
      correct.serveTx(vif, queue);
      next(vif, queue);
    },
  };
};

/** Pads frames to the minimum length of Ethernet. */
export const pads: Partial<FrontendSteps> = {
  fitting: (vif, packet) =>
    correct.fitting(vif, packet).map((each) => {
      if (each.frame.length >= SHORTEST_FRAME) return each;
      const frame = new Uint8Array(SHORTEST_FRAME);
      frame.set(each.frame);
      return { ...each, frame };
    }),
};

/** Leaves the TCP checksums of its own stack blank. */
export const blankReplies: Partial<FrontendSteps> = {
  accept(vif, queue, packet) {
    if (vif.bridgedTo) return correct.accept(vif, queue, packet);
    for (const frame of vif.stack.receive(packet.frame, packet)) {
      const blank = blankChecksum(frame);
      vif.steps.transmit(vif, queue, { frame: blank ?? frame, csumBlank: blank !== undefined });
    }
  },
};

/** Completes every blank checksum and cuts every large packet. */
export const noOffload: Partial<FrontendSteps> = {
  fitting: (_, packet) =>
    fit(packet, {}).map(({ frame, csumBlank }) => ({
      frame: csumBlank ? completeChecksum(frame) : frame,
      csumBlank: false,
    })),
};

/** Sets data_validated in every packet whose checksum is not wrong. */
export const vouches: Partial<FrontendSteps> = {
  txFlags: ({ frame, csumBlank }) => (csumBlank ? TXF.csumBlank | TXF.dataValidated : validated(frame)),
};

/** Flags a blank checksum with csum_blank only, and any other packet with data_validated. */
export const blankAlone: Partial<FrontendSteps> = {
  txFlags: ({ frame, csumBlank }) => (csumBlank ? TXF.csumBlank : validated(frame)),
};

const validated = (frame: Uint8Array): number =>
  [tcpChecksum(frame), udpChecksum(frame)].includes('corrupt') ? 0 : TXF.dataValidated;

/** Sends from pages that the backend may write. */
export const writableTx: Partial<FrontendSteps> = {
  buffer(vif, _, bytes, offset = 0) {
    const offer = vif.domain.grants.offer(vif.backend, 'read-write');
    offer.page.copyIn(offset, bytes);
    return offer;
  },
};

/** Grants pages that hold other data in addition to the packet. */
export const sharedPages: Partial<FrontendSteps> = {
  buffer(vif, queue, bytes, offset = 0) {
    const offer = queue.txPool.take();
    offer.page.copyIn(0, new Uint8Array(PAGE_SIZE).fill(0x55));
    offer.page.copyIn(offset, bytes);
    return offer;
  },
  post(vif, queue) {
    const before = new Set(queue.posted.keys());
    correct.post(vif, queue);
    for (const [index, { offer }] of queue.posted) {
      if (!before.has(index)) offer.page.copyIn(0, new Uint8Array(PAGE_SIZE).fill(0x55));
    }
  },
};

/** Leaves old bytes in the padding of a tx extra. */
export const stalePadding: Partial<FrontendSteps> = {
  putGso(queue, gso) {
    correct.putGso(queue, gso);
    const { tx } = queue;
    tx.page.copyIn(slotOffset(tx.layout, tx.reqProdPvt - 1) + EXTRA_BYTES, Uint8Array.of(1, 2, 3, 4));
  },
};

/** Keeps the buffers of both rings granted while it is connected, and reuses them. */
export const keepsGrants = (count: number): Partial<FrontendSteps> => ({
  firstPost(vif, queue) {
    queue.txPool.fill(count);
    queue.rxPool.fill(count);
    correct.firstPost(vif, queue);
  },
});

/** Drops a packet of which only a part is published when all responses have been read. */
export const dropsHalves: Partial<FrontendSteps> = {
  checkRx(queue) {
    if (queue.expect !== 'first') {
      queue.expect = 'first';
      queue.partial.pieces.length = 0;
      queue.partial.bad = false;
    }
    return correct.checkRx(queue);
  },
};

/** Drops a packet with an extra info of unknown type. */
export const dropsUnknownExtras: Partial<FrontendSteps> = {
  takeRxSlot(queue, index, bytes) {
    if (queue.expect === 'extra' && !decodeExtra(bytes).ok) queue.partial.bad = true;
    return correct.takeRxSlot(queue, index, bytes);
  },
};

/** Treats the slots after a response with an error as another packet. */
export const packetEndsAtError: Partial<FrontendSteps> = {
  takeRxSlot(queue, index, bytes) {
    const response = decodeRxResponse(bytes);
    const isData = queue.expect !== 'extra';
    const frame = correct.takeRxSlot(queue, index, bytes);
    if (isData && response.ok && response.value.status < 0) {
      queue.expect = 'first';
      queue.partial.pieces.length = 0;
      queue.partial.bad = false;
      return undefined;
    }
    return frame;
  },
};

/** Adds to a filter list by dummy requests that have no page. */
export const dummiesWithoutPage: Partial<FrontendSteps> = {
  addGroup(vif, address) {
    const [queue] = vif.queues;
    if (!queue || !vif.steps.hasRoom(queue, 1)) return;
    // A placeholder for the missing buffer; the response ends its grant.
    const offer = queue.txPool.take();
    const request = { gref: 0, offset: 0, flags: TXF.extraInfo, id: vif.steps.txId(queue), size: 0 };
    vif.steps.putTx(queue, request, offer);
    queue.tx.put(encodeExtra({ type: 'mcast-add', flags: 0, address }));
    vif.steps.push(vif, queue.tx, queue.txPort);
  },
};

/** Passes the packets of a batch to its stack in reverse order. */
export const lastFirst: Partial<FrontendSteps> = {
  takeRx(vif, queue, count) {
    const packets: VifPacket[] = [];
    for (let n = 0; n < count; n++) {
      const index = queue.rx.rspCons;
      const frame = vif.steps.takeRxSlot(queue, index, queue.rx.take());
      if (frame) packets.unshift({ ...queue.partial, frame });
    }
    for (const packet of packets) vif.steps.accept(vif, queue, packet);
  },
};

/** Sends a broadcast of its own every `ms`, as soon as it has rings. */
export const chatters = (ms: number): Partial<FrontendSteps> => ({
  async connect(vif) {
    await correct.connect(vif);
    const [queue] = vif.queues;
    const frame = new Uint8Array(SHORTEST_FRAME).fill(0xff, 0, 6);
    frame.set([0x02, 0, 0, 0, 0, 1, 0x88, 0xb6], 6);
    const next = (): void => {
      if (!queue || !vif.queues.includes(queue)) return;
      vif.steps.transmit(vif, queue, { frame, csumBlank: false });
      vif.domain.clock.after(ms, next);
    };
    next();
  },
});

/** Sends two packets from one page, if both fit, with one grant. */
export const halfPages = (): Partial<FrontendSteps> => {
  const HALF = PAGE_SIZE / 2;
  /** The page whose second half is free. */
  let open: { readonly queue: FrontendQueueState; readonly offer: Offer; users: number } | undefined;
  return {
    txOffset: (length) => (open && length <= HALF ? HALF : 0),
    buffer(_, queue, bytes, offset = 0) {
      const page = offset === HALF && open?.queue === queue ? open : { queue, offer: queue.txPool.take(), users: 0 };
      open = offset === 0 && bytes.length <= HALF ? page : undefined;
      page.users++;
      page.offer.page.copyIn(offset, bytes);
      const end = (): void => {
        if (--page.users > 0) return;
        if (open === page) open = undefined;
        queue.txPool.give(page.offer);
      };
      return { ref: page.offer.ref, page: page.offer.page, end };
    },
  };
};

/** Sends each packet of its stack twice. */
export const repliesTwice: Partial<FrontendSteps> = {
  accept(vif, queue, packet) {
    if (vif.bridgedTo) return correct.accept(vif, queue, packet);
    for (const frame of vif.stack.receive(packet.frame, packet)) {
      for (let n = 0; n < 2; n++) vif.steps.transmit(vif, queue, { frame, csumBlank: false });
    }
  },
};

/** Passes packets to its stack `ms` later. */
export const repliesLate = (ms: number): Partial<FrontendSteps> => ({
  accept(vif, queue, packet) {
    vif.domain.clock.after(ms, () => {
      if (vif.queues.includes(queue)) correct.accept(vif, queue, packet);
    });
  },
});

/** Drops a packet of several slots whose first slot ends before byte 54, the end of TCP over IPv4. */
export const headersInFirstSlot: Partial<FrontendSteps> = {
  takeRxSlot(queue, index, bytes) {
    if (queue.expect === 'first') {
      const it = decodeRxResponse(bytes);
      queue.partial.bad = it.ok && it.value.status < 54 && (it.value.flags & RXF.moreData) !== 0;
    }
    return correct.takeRxSlot(queue, index, bytes);
  },
};
