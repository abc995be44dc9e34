/** What correct frontends choose for checksums, GSO and extra infos, and for the pages of a packet. */
import { decodeFrame } from '../../../packet/frame.js';
import { blankChecksum } from '../../../packet/offload.js';
import { encodeExtra } from '../../../protocol/extra.js';
import { CTRL_STATUS, CTRL_TYPE, GSO_TYPE, HASH_ALGORITHM, KEY, TXF } from '../../../protocol/netif.js';
import { type Offer, PAGE_SIZE } from '../../../xen/domain.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendQueueState, FrontendVif } from '../../frontend.js';
import type { VifPacket } from '../../packet.js';

const fitting = (change: (vif: FrontendVif, packet: VifPacket) => VifPacket): Partial<FrontendSteps> => ({
  fitting: (vif, packet) => correct.fitting(vif, packet).map((each) => change(vif, each)),
});

/** Leaves complete checksums blank again, where the backend accepts blank ones. */
export const blanksAgain = fitting((vif, packet) => {
  const it = decodeFrame(packet.frame);
  if (packet.csumBlank || packet.gso || !it.ok || !('ip' in it.value)) return packet;
  const { offers } = vif;
  const isAccepted = it.value.ip.version === 6 ? offers[KEY.featureIpv6CsumOffload] : !offers[KEY.featureNoCsumOffload];
  const { kind } = it.value;
  const sum = kind === 'tcp' ? it.value.tcp.checksum : kind === 'udp' ? it.value.udp.checksum : undefined;
  const frame = isAccepted && sum === 'complete' ? blankChecksum(packet.frame) : undefined;
  return frame ? { ...packet, frame, csumBlank: true } : packet;
});

/** Describes large packets with segments of `size` bytes. */
export const gsoOfSize = (size: number): Partial<FrontendSteps> =>
  fitting((_, packet) => (packet.gso ? { ...packet, gso: { ...packet.gso, size } } : packet));

/** Adds a GSO extra to each TCP packet with a blank checksum, even to those of one segment. */
export const gsoOnEveryTcp = fitting((vif, packet) => {
  const it = decodeFrame(packet.frame);
  if (packet.gso || !packet.csumBlank || !it.ok || it.value.kind !== 'tcp') return packet;
  const [type, key] =
    it.value.ip.version === 4 ? [GSO_TYPE.tcpv4, KEY.featureGsoTcpv4] : [GSO_TYPE.tcpv6, KEY.featureGsoTcpv6];
  return vif.offers[key] ? { ...packet, gso: { size: 1400, type } } : packet;
});

/** Sends each packet with a HASH extra, while it has hashing on. */
export const hashExtraOnAll = (): Partial<FrontendSteps> => {
  const hashing = new WeakSet<FrontendVif>();
  const hash = { type: 'hash', flags: 0, hashType: 0, algorithm: HASH_ALGORITHM.toeplitz, value: 99 } as const;
  return {
    openQueue(vif, index, split) {
      hashing.delete(vif);
      return correct.openQueue(vif, index, split);
    },
    async configureHash(vif) {
      await correct.configureHash(vif);
      const flags = await vif.steps.ask(vif, CTRL_TYPE.getHashFlags);
      if (flags?.status === CTRL_STATUS.success) hashing.add(vif);
    },
    transmit(vif, queue, packet) {
      if (!hashing.has(vif)) return correct.transmit(vif, queue, packet);
      for (const each of vif.steps.fitting(vif, packet)) {
        const { frame, gso } = each;
        if (gso || frame.length > PAGE_SIZE || queue.tx.free() < 3) correct.transmit(vif, queue, each);
        else {
          const { id, offer } = { id: vif.steps.txId(queue), offer: vif.steps.buffer(vif, queue, frame) };
          const flags = vif.steps.txFlags(each) | TXF.extraInfo;
          vif.steps.putTx(queue, { gref: offer.ref, offset: 0, flags, id, size: frame.length }, offer);
          queue.tx.put(encodeExtra(hash));
          vif.steps.push(vif, queue.tx, queue.txPort);
        }
      }
    },
  };
};

/** Sends each packet of one page in three fragments of that page, all with the same grant. */
export const oneGrantPerPacket: Partial<FrontendSteps> = {
  transmit(vif, queue, packet) {
    for (const each of vif.steps.fitting(vif, packet)) {
      const { frame, gso } = each;
      const fits = !gso && frame.length >= 100 && frame.length <= PAGE_SIZE - 50;
      if (fits && vif.offers[KEY.featureSg] && queue.tx.free() > 3) inThree(vif, queue, each);
      else correct.transmit(vif, queue, each);
    }
  },
};

function inThree(vif: FrontendVif, queue: FrontendQueueState, packet: VifPacket): void {
  const { frame } = packet;
  const shared = sharedBy(3, vif.steps.buffer(vif, queue, frame, 50), (offer) => queue.txPool.give(offer));
  const lengths = [40, frame.length - 80, 40];
  let offset = 50;
  for (const [n, length] of lengths.entries()) {
    const flags = (n < 2 ? TXF.moreData : 0) | (n === 0 ? vif.steps.txFlags(packet) : 0);
    const size = n === 0 ? frame.length : length;
    vif.steps.putTx(queue, { gref: shared.ref, offset, flags, id: vif.steps.txId(queue), size }, shared);
    offset += length;
  }
  vif.steps.push(vif, queue.tx, queue.txPort);
}

/** A page that `give` gets when the last of `users` has ended it. */
function sharedBy(users: number, offer: Offer, give: (offer: Offer) => void): Offer {
  let left = users;
  const end = (): void => {
    if (--left === 0) give(offer);
  };
  return { ref: offer.ref, page: offer.page, end };
}
