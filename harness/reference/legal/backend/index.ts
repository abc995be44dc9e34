import type { LegalDriver } from '../legal.js';
import { BRIDGES } from './bridges.js';
import { COMBINATIONS } from './combinations.js';
import { CONNECTIONS } from './connections.js';
import { CONTROL } from './control.js';
import { FEATURES } from './features.js';
import { GRANTS } from './grants.js';
import { MULTICAST } from './multicast.js';
import { BSD_PERSONAS } from './personas-bsd.js';
import { LINUX_PERSONAS } from './personas-linux.js';
import { OTHER_PERSONAS } from './personas-others.js';
import { RECEIVE } from './receive.js';
import { RINGS } from './rings.js';
import { START_UP } from './start-up.js';
import { STACKS } from './stacks.js';
import { TRANSMIT } from './transmit.js';

/** Every legal backend. */
export const BACKEND_LEGAL: readonly LegalDriver[] = [
  ...BSD_PERSONAS,
  ...LINUX_PERSONAS,
  ...OTHER_PERSONAS,
  ...CONNECTIONS,
  ...START_UP,
  ...FEATURES,
  ...RINGS,
  ...TRANSMIT,
  ...RECEIVE,
  ...MULTICAST,
  ...CONTROL,
  ...GRANTS,
  ...STACKS,
  ...BRIDGES,
  ...COMBINATIONS,
];
