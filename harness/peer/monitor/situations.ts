/** The situations that the monitor's rules check: what a peer observed, and what the two ends had negotiated. */
import { decodeFrame, type Frame } from '../../packet/frame.js';
import type { CtrlRequest, CtrlResponse } from '../../protocol/ctrl.js';
import type { Extra } from '../../protocol/extra.js';
import { RXF, TXF } from '../../protocol/netif.js';
import type { RxRequest, RxResponse } from '../../protocol/rx.js';
import type { TxRequest, TxResponse } from '../../protocol/tx.js';
import type { GrantUse } from '../../xen/domain.js';
import type { Directory } from './directory.js';
import type { SentLately } from './sent-lately.js';
import type { Host } from '../../packet/build.js';
import { sameBytes } from '../../bytes/bytes.js';

/** The first three bytes of all MAC addresses that netifspec assigns; see linkOf. */
const PEER_MAC_PREFIX = [0x00, 0x16, 0x3e, 0x6e];

/** A packet of the driver under test: tx of a frontend, rx of a backend. */
export interface Packet {
  readonly frame: Uint8Array;
  /** The frame by layers; undefined if it is malformed. */
  readonly content: Frame | undefined;
  /** Whether a peer made the frame and the driver only forwarded it: an error in its content is not the driver's. */
  readonly forwarded: boolean;
  /** Whether a peer had sent its flow with a wrong checksum, or in altered slots. */
  readonly isSpoiled: () => boolean;
  /** Whether a peer had sent the same frame with csum_blank. */
  readonly wasBlank: () => boolean;
  /** Whether the frame was made at the driver's own end of the vif, and not by anybody else whose frames it passes on. */
  readonly own: boolean;
  /** The flags of each data slot, first fragment first, by meaning: the bit values differ between tx and rx. */
  readonly flags: readonly PacketFlags[];
  /** Bytes of each data slot. */
  readonly lengths: readonly number[];
  readonly extras: readonly Extra[];
  /** The directory of the peer, which receives the packet. */
  readonly receiver: Directory;
  /** The largest payload without GSO, in bytes: the mtu node, and at least 1500. */
  readonly mtu: number;
}

/** Flags of a tx request or of an rx response. */
export interface PacketFlags {
  readonly bits: number;
  readonly csumBlank: boolean;
  readonly dataValidated: boolean;
  readonly moreData: boolean;
  readonly extraInfo: boolean;
  readonly gsoPrefix: boolean;
}

/** A packet that a frontend transmitted. */
export interface TransmittedPacket extends Packet {
  readonly requests: readonly TxRequest[];
  /** Ids of the packet that were already in flight. */
  readonly taken: readonly number[];
  /** By how many updates of req_prod it was published; undefined where that cannot be observed. */
  readonly updates: number | undefined;
}

/** A packet that a backend wrote to buffers of the peer. */
export interface DeliveredPacket extends Packet {
  readonly slots: readonly {
    readonly request: RxRequest;
    readonly response: RxResponse;
    /** The buffer at the time the response was read. */
    readonly page: Uint8Array;
  }[];
  readonly extraSlots: readonly {
    readonly index: number;
    readonly untouched: boolean;
    /** What the request had put into the slot that holds the extra. */
    readonly put: Uint8Array;
  }[];
  /** Whether the frame came from elsewhere, to a multicast group that the peer, which filters groups, never asked for. */
  readonly unasked: boolean;
}

/** A control request of a frontend. */
export interface ControlRequest {
  readonly request: CtrlRequest;
  /** Whether an earlier request with the same id has no response yet. */
  readonly taken: boolean;
  /** The hash types that the peer reported; undefined without such a response. */
  readonly hashTypes: number | undefined;
  /** The largest mapping table that it reported, and the number of grants for the queue of a gref message; likewise. */
  readonly tableSize: number | undefined;
  readonly grefSize: number | undefined;
  /** The size of the mapping table that the frontend set last; undefined if it set none, or if that failed. */
  readonly entries: number | undefined;
  /** The number of queues of the connection. */
  readonly queues: number;
  /** The queue numbers that a SET_HASH_MAPPING passes; empty for other messages. */
  readonly mapping: readonly number[];
}

/** Each kind of situation and its observation. */
export interface Situations {
  /** A frontend transmitted a packet. */
  readonly transmitted: TransmittedPacket;
  /** A frontend requested a change of the multicast list with a dummy request. */
  readonly listRequest: { readonly receiver: Directory; readonly extras: readonly Extra[] };
  /** A backend delivered a packet. */
  readonly delivered: DeliveredPacket;
  /** A packet of either role. */
  readonly packet: Packet;
  /** A frontend posted a buffer. */
  readonly posted: { readonly request: RxRequest };
  /** A backend responded to a tx slot. */
  readonly txResponse: {
    readonly response: TxResponse;
    /** Whether the slot holds an extra. */
    readonly isExtra: boolean;
    readonly rest: Rest;
    /** Current uses of the request's grant, where they can be observed and the backend may not keep the grant. */
    readonly uses: readonly GrantUse[];
  };
  /** A backend responded to an rx request with a status below 0. */
  readonly rxError: { readonly response: RxResponse; readonly request: RxRequest };
  /** A backend published rx responses; `split` if the last packet among them was incomplete. */
  readonly rxPublished: { readonly split: boolean };
  /** A peer is about to send a response that it withheld: the bytes that it read first, and those that are there now. */
  readonly withheld: { readonly read: Uint8Array; readonly found: Uint8Array };
  /** A buffer is about to be used again; the backend must not have written to it since its response. */
  readonly reused: { readonly what: string; readonly left: Uint8Array; readonly found: Uint8Array };
  readonly ctrlRequest: ControlRequest;
  readonly ctrlResponse: { readonly response: CtrlResponse; readonly rest: Rest };
  /** The keys of a frontend under test were read. */
  readonly frontendKeys: {
    readonly own: Directory;
    readonly backend: Directory;
    /** Whether this is the first connection of the vif. */
    readonly first: boolean;
    /** Whether the frontend is Connected, so that it has written all of its keys. */
    readonly complete: boolean;
  };
  readonly backendKeys: { readonly own: Directory };
  /** A backend is Closed: the uses of the grants of the connection, where they can be observed. */
  readonly closed: { readonly uses: readonly GrantUse[] };
  /** A backend peer has mapped a ring and has not written to it yet. */
  readonly mapped: MappedRing;
  /** A frontend passed a frame of the peer to its stack, where that can be seen. */
  readonly toFrontendStack: PassedOn;
  /** A backend passed a frame of the peer to the stack behind it, likewise. */
  readonly toBackendStack: PassedOn;
  /** A frontend sent a frame of its own end to the peer, where its stack can be seen. */
  readonly fromFrontendStack: PassedOn;
  /** A backend delivered a frame of its own end to the peer, likewise. */
  readonly fromBackendStack: PassedOn;
  /** A vif is idle: no message is pending on its rings. */
  readonly atRest: RingAtRest;
  /** An event channel of an idle vif. */
  readonly channel: Channel;
}

/**
 * The rest of a slot that is larger than its response: the bytes found there, and the bytes that the request had there.
 */
export interface Rest {
  readonly found: Uint8Array;
  readonly put: Uint8Array;
}

/** A frame that a driver passed on, between the rings and its stack. */
export interface PassedOn {
  readonly frame: Uint8Array;
  /** Whether the driver was given this frame, and has not passed it on before. */
  readonly passed: boolean;
}

/** A shared ring as the frontend initialised it. */
export interface MappedRing {
  readonly name: string;
  readonly rspProd: number;
  readonly reqEvent: number;
  readonly rspEvent: number;
  /** Bytes of pvt and pad. */
  readonly pad: Uint8Array;
}

/** An idle shared ring. */
export interface RingAtRest {
  readonly name: string;
  /** The fields that the peer owns: the values it wrote, and the values it reads back. */
  readonly wrote: readonly number[];
  readonly found: readonly number[];
  /** Number of messages that the driver published without an event. */
  readonly withoutEvent: number;
  /** Number of slots that the driver published before they were final; undefined where that cannot be observed. */
  readonly changed: number | undefined;
}

/** An event channel, since the start of the connection. */
export interface Channel {
  readonly name: string;
  /** Number of events received. */
  readonly events: number;
  /** Number of messages that the driver published on the rings of the channel. */
  readonly messages: number;
}

/** The flags of a tx request by meaning. */
export function txFlags(bits: number): PacketFlags {
  return flagsOf(bits, TXF, 0);
}

/** The flags of an rx response by meaning. */
export function rxFlags(bits: number): PacketFlags {
  return flagsOf(bits, RXF, RXF.gsoPrefix);
}

/** What a frame itself says of a packet. */
export type Contents = Pick<Packet, 'content' | 'forwarded' | 'own' | 'isSpoiled' | 'wasBlank'>;

/** The frame by its layers, and who made it; `end` is the driver's end of the vif. */
export function contentOf(frame: Uint8Array, end: Host, sentLately: SentLately): Contents {
  const decoded = decodeFrame(frame);
  const content = decoded.ok ? decoded.value : undefined;
  const forwarded = PEER_MAC_PREFIX.every((byte, n) => frame[6 + n] === byte) && frame[11] === 1;
  // A guest that routes sends packets of others from its own address.
  const routed = content && 'ip' in content && !sameBytes(content.ip.source, addressOf(end, content.ip.version));
  const isSpoiled = (): boolean => content !== undefined && sentLately.isSpoiled(content);
  const own = sameBytes(frame.subarray(6, 12), end.mac) && routed !== true;
  return { content, forwarded, own, isSpoiled, wasBlank: () => sentLately.wasBlank(frame) };
}

const addressOf = (end: Host, version: 4 | 6): Uint8Array => (version === 4 ? end.ipv4 : end.ipv6);

function flagsOf(bits: number, meaning: typeof TXF | typeof RXF, prefix: number): PacketFlags {
  return {
    bits,
    csumBlank: (bits & meaning.csumBlank) !== 0,
    dataValidated: (bits & meaning.dataValidated) !== 0,
    moreData: (bits & meaning.moreData) !== 0,
    extraInfo: (bits & meaning.extraInfo) !== 0,
    gsoPrefix: (bits & prefix) !== 0,
  };
}
