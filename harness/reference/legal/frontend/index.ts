import type { LegalDriver } from '../legal.js';
import { BRIDGES } from './bridges.js';
import { COMBINATIONS } from './combinations.js';
import { CONNECTIONS } from './connections.js';
import { CONTROL } from './control.js';
import { FEATURES } from './features.js';
import { GUESTS } from './guests.js';
import { PACKETS } from './packets.js';
import { PAGES } from './pages.js';
import { PERSONAS } from './personas.js';
import { RINGS } from './rings.js';
import { XENBUS } from './xenbus.js';

/** Correct frontends that differ from the reference frontend. */
export const LEGAL_FRONTENDS: readonly LegalDriver[] = [
  ...XENBUS,
  ...FEATURES,
  ...RINGS,
  ...PACKETS,
  ...PERSONAS,
  ...BRIDGES,
  ...COMBINATIONS,
  ...CONNECTIONS,
  ...PAGES,
  ...CONTROL,
  ...GUESTS,
];
