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
import type { Requirement } from './requirement.js';
import { RING } from './rings.js';
import { ROB } from './robustness.js';
import { SLOT } from './slots.js';
import { SEC } from './split-event-channels.js';
import { STAG } from './staging.js';
import { TOEP } from './toeplitz.js';
import { TXW } from './transmit.js';
import { XB } from './xenbus.js';

export type { Level, Requirement, Side } from './requirement.js';
export { NEWEST_TEXT, standsIn, TEXT_VERSIONS, textVersion } from './requirement.js';

/** All requirements, chapter by chapter. */
export const CATALOGUE: readonly Requirement[] = [
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

const byId: ReadonlyMap<string, Requirement> = new Map(CATALOGUE.map((entry) => [entry.id, entry]));

/** The requirement with this id. Throws on an id that the catalogue does not have. */
export function requirement(id: string): Requirement {
  const found = byId.get(id);
  if (found === undefined) throw new Error(`no requirement ${id} in the catalogue`);
  return found;
}
