/** What a backend's host forwards between two vifs. */
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import type { LegalDriver } from '../legal.js';
import { bridging, isOrdinary, losingOneOf } from '../support/bridges.js';

export const BRIDGES: readonly LegalDriver[] = [
  {
    id: 'backend.bridge-filters',
    choice: 'has a bridge that forwards no tags, IP options, extension headers, fragments or odd addresses',
    source:
      'no header specifies a bridge; FreeBSD sys/net/if_bridge.c, bridge_pfil: drops what a packet filter rejects',
    backend: { accept: bridging((...packet) => correct.accept(...packet), isOrdinary) },
    warns: ['TXW-36'],
  },
  {
    id: 'backend.bridge-loses',
    choice: 'has a bridge that loses one packet of 9',
    source: 'no header specifies a bridge; Ethernet may lose frames',
    backend: { accept: bridging((...packet) => correct.accept(...packet), losingOneOf(9)) },
  },
];
