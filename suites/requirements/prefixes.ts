/** What the requirements with each prefix are about. */
export const PREFIXES: Readonly<Record<string, string>> = {
  RING: 'shared rings',
  NOTIFY: 'notifications',
  SEC: 'split event channels',
  MQ: 'multiple queues',
  CSUM: 'checksum offload',
  GSO: 'large TCP packets',
  MCAST: 'multicast control',
  TRUST: 'trusted',
  LINK: 'link state',
  MTU: 'MTU',
  XDP: 'XDP headroom',
  CTRL: 'control ring',
  HASH: 'hashing',
  TOEP: 'the Toeplitz hash',
  GREF: 'gref mapping',
  STAG: 'staging grants',
  TXW: 'transmit format',
  RXW: 'receive format',
  EXTRA: 'extra info slots',
  SLOT: 'slots of a packet',
  XB: 'xenbus states and life cycle',
  GNT: 'grants',
  ROB: 'robustness',
};

/** The prefix of a requirement, from its id. */
export function prefixOf(id: string): string {
  return id.replace(/-.*/, '');
}
