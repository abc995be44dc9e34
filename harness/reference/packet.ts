/** A packet on its way through a reference driver: the frame, and what was told about it beside. */
export interface VifPacket {
  readonly frame: Uint8Array;
  /** The checksum of TCP or UDP is left to whoever needs it (netif.h, "csum_blank"). */
  readonly csumBlank: boolean;
  /** A TCP packet to be cut into segments of at most `size` bytes of payload; `type` is one of GSO_TYPE. */
  readonly gso?: { readonly size: number; readonly type: number } | undefined;
}
