import { CSUM } from './checksum.js';
import { CTRL } from './control-ring.js';
import { EXTRA } from './extra.js';
import { GNT } from './grants.js';
import { GREF } from './gref-mapping.js';
import { GSO } from './gso.js';
import { HASH } from './hash.js';
import { LATER_NODES } from './later-nodes.js';
import { MQ } from './multi-queue.js';
import { MCAST } from './multicast.js';
import { NOTIFY } from './notifications.js';
import { RXW } from './receive.js';
import type { Requirement } from '../../harness/run/requirement.js';
import { RING } from './rings.js';
import { ROB } from './robustness.js';
import { SLOT } from './slots.js';
import { SEC } from './split-event-channels.js';
import { STAG } from './staging.js';
import { TOEP } from './toeplitz.js';
import { TXW } from './transmit.js';
import { XB } from './xenbus.js';

/** All requirements, chapter by chapter. */
export const REQUIREMENTS: readonly Requirement[] = [
  ...RING,
  ...NOTIFY,
  ...SEC,
  ...MQ,
  ...CSUM,
  ...GSO,
  ...MCAST,
  ...LATER_NODES,
  ...CTRL,
  ...HASH,
  ...TOEP,
  ...GREF,
  ...STAG,
  ...TXW,
  ...RXW,
  ...EXTRA,
  ...SLOT,
  ...XB,
  ...GNT,
  ...ROB,
];
