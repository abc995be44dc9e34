/** What a frontend's guest forwards between two vifs. */
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { LegalDriver } from '../legal.js';
import { bridging, isOrdinary, losingOneOf } from '../support/bridges.js';

export const BRIDGES: readonly LegalDriver[] = [
  {
    id: 'frontend.bridge-filters',
    choice: 'has a bridge that forwards no tags, IP options, extension headers, fragments or odd addresses',
    source:
      'no header specifies a bridge; FreeBSD sys/net/if_bridge.c, bridge_pfil: drops what a packet filter rejects',
    frontend: { accept: bridging((...packet) => correct.accept(...packet), isOrdinary) },
    warns: ['RXW-33'],
  },
  {
    id: 'frontend.bridge-loses',
    choice: 'has a bridge that loses one packet of 9',
    source: 'no header specifies a bridge; Ethernet may lose frames',
    frontend: { accept: bridging((...packet) => correct.accept(...packet), losingOneOf(9)) },
  },
];
