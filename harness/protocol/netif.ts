/** Constants of netif.h and the names of a vif's xenstore keys. */

/** Flags of a tx request (NETTXF_*). Bits 0 and 1 are swapped relative to {@link RXF}. */
export const TXF = { csumBlank: 1, dataValidated: 2, moreData: 4, extraInfo: 8 } as const;

/** Flags of an rx response (NETRXF_*). `gsoPrefix` is deprecated. */
export const RXF = { dataValidated: 1, csumBlank: 2, moreData: 4, extraInfo: 8, gsoPrefix: 16 } as const;

/** The flags of a packet with a blank checksum, on each ring. */
export const TX_BLANK = TXF.csumBlank | TXF.dataValidated;
export const RX_BLANK = RXF.csumBlank | RXF.dataValidated;

/** Status of a tx or rx response (NETIF_RSP_*); `null` is the status for the slot of a tx extra info. */
export const RSP = { dropped: -2, error: -1, okay: 0, null: 1 } as const;

/** Largest packet in bytes (XEN_NETIF_MAX_TX_SIZE). */
export const MAX_TX_SIZE = 0xffff;
/** Slots of one tx packet that every backend accepts (XEN_NETIF_NR_SLOTS_MIN). */
export const NR_SLOTS_MIN = 18;

/** Types of extra info (XEN_NETIF_EXTRA_TYPE_*). `none` is never sent; only Linux's copy of the header has `xdp`. */
export const EXTRA_TYPE = { none: 0, gso: 1, mcastAdd: 2, mcastDel: 3, hash: 4, xdp: 5 } as const;
/** Another extra info follows this one (XEN_NETIF_EXTRA_FLAG_MORE). */
export const EXTRA_FLAG_MORE = 1;

/** XEN_NETIF_GSO_TYPE_* */
export const GSO_TYPE = { none: 0, tcpv4: 1, tcpv6: 2 } as const;

/** Largest value of xdp-headroom in bytes (XEN_NETIF_MAX_XDP_HEADROOM; only in Linux's copy of the header). */
export const MAX_XDP_HEADROOM = 0x7fff;

/** Types of control messages (XEN_NETIF_CTRL_TYPE_*). */
export const CTRL_TYPE = {
  invalid: 0,
  getHashFlags: 1,
  setHashFlags: 2,
  setHashKey: 3,
  getHashMappingSize: 4,
  setHashMappingSize: 5,
  setHashMapping: 6,
  setHashAlgorithm: 7,
  getGrefMappingSize: 8,
  addGrefMapping: 9,
  delGrefMapping: 10,
} as const;

/** Status of a control response and of a list entry (XEN_NETIF_CTRL_STATUS_*). */
export const CTRL_STATUS = { success: 0, notSupported: 1, invalidParameter: 2, bufferOverflow: 3 } as const;

/** Hash types by bit number (_XEN_NETIF_CTRL_HASH_TYPE_*), as in the hash extra info. */
export const HASH_TYPE = { ipv4: 0, ipv4Tcp: 1, ipv6: 2, ipv6Tcp: 3 } as const;
/** Hash types as bits of a mask (XEN_NETIF_CTRL_HASH_TYPE_*), as in GET_HASH_FLAGS and SET_HASH_FLAGS. */
export const HASH_FLAG = { ipv4: 1, ipv4Tcp: 2, ipv6: 4, ipv6Tcp: 8 } as const;
/** All hash types that the header defines. */
export const ALL_HASH_TYPES = Object.values(HASH_FLAG).reduce((mask, flag) => mask | flag, 0);

/** XEN_NETIF_CTRL_HASH_ALGORITHM_* */
export const HASH_ALGORITHM = { none: 0, toeplitz: 1 } as const;

/** Entries of the hash mapping table that fit in one granted page. */
export const HASH_MAPPING_PER_PAGE = 1024;

/** Flags of a gref list's entry (XEN_NETIF_CTRLF_GREF_*). */
export const GREF_FLAG = { readonly: 1 } as const;
/** Entries of a gref list: as many as fit in one page. */
export const GREF_LIST_MAX = 512;

/** Flags of a staging table's entry (XEN_EXTF_GREF_*, a vendor's extension). */
export const EXT_GREF_FLAG = { readonly: 1 } as const;
/** Entries of a staging table (XEN_EXT_MAX_GREF_ALLOC). */
export const EXT_MAX_GREF_ALLOC = 512;

/** Names of the xenstore keys, in the frontend's or the backend's directory of a vif. */
export const KEY = {
  state: 'state',
  handle: 'handle',
  mac: 'mac',

  // The frontend's directory.
  backend: 'backend',
  backendId: 'backend-id',
  mtu: 'mtu',
  trusted: 'trusted',
  requestRxCopy: 'request-rx-copy',
  requestMulticastControl: 'request-multicast-control',
  featureRxNotify: 'feature-rx-notify',
  xdpHeadroom: 'xdp-headroom',
  multiQueueNumQueues: 'multi-queue-num-queues',
  ctrlRingRef: 'ctrl-ring-ref',
  eventChannelCtrl: 'event-channel-ctrl',

  // The frontend's directory, or queue-N/ below it.
  txRingRef: 'tx-ring-ref',
  rxRingRef: 'rx-ring-ref',
  eventChannel: 'event-channel',
  eventChannelTx: 'event-channel-tx',
  eventChannelRx: 'event-channel-rx',
  txPoolRef: 'tx-pool-ref',
  txPoolSize: 'tx-pool-size',
  rxPoolRef: 'rx-pool-ref',
  rxPoolSize: 'rx-pool-size',

  // The backend's directory.
  frontend: 'frontend',
  frontendId: 'frontend-id',
  online: 'online',
  script: 'script',
  hotplugStatus: 'hotplug-status',
  rate: 'rate',
  carrier: 'carrier',
  speed: 'speed',
  featureRxCopy: 'feature-rx-copy',
  featureRxFlip: 'feature-rx-flip',
  featureSplitEventChannels: 'feature-split-event-channels',
  multiQueueMaxQueues: 'multi-queue-max-queues',
  featureMulticastControl: 'feature-multicast-control',
  featureDynamicMulticastControl: 'feature-dynamic-multicast-control',
  featureCtrlRing: 'feature-ctrl-ring',
  featureStagingGrants: 'feature-staging-grants',
  featureXdpHeadroom: 'feature-xdp-headroom',

  // Either directory: what its owner can receive.
  featureSg: 'feature-sg',
  featureNoCsumOffload: 'feature-no-csum-offload',
  featureIpv6CsumOffload: 'feature-ipv6-csum-offload',
  featureGsoTcpv4: 'feature-gso-tcpv4',
  featureGsoTcpv6: 'feature-gso-tcpv6',
  featureGsoTcpv4Prefix: 'feature-gso-tcpv4-prefix',
  featureGsoTcpv6Prefix: 'feature-gso-tcpv6-prefix',
} as const;

/** The keys of the rings and event channels of a queue, at the top level or in its {@link queueDirectory}. */
export const QUEUE_KEYS: readonly string[] = [
  KEY.txRingRef,
  KEY.rxRingRef,
  KEY.eventChannel,
  KEY.eventChannelTx,
  KEY.eventChannelRx,
];

/** Name of the directory that holds queue `index`'s keys when there are two queues or more. */
export function queueDirectory(index: number): string {
  return `queue-${index}`;
}
