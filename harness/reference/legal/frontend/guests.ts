/** Frontends whose guests send packets of their own, or lose packets. */
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { LegalDriver } from '../legal.js';
import { delaying, duplicating } from '../support/bridges.js';
import * as guests from '../support/frontend-guests.js';
import * as stacks from '../support/stacks.js';

const STACK = 'netif.h does not describe the stack of a guest';
const BRIDGE = 'no header specifies a bridge';

export const GUESTS: readonly LegalDriver[] = [
  {
    id: 'frontend.probes',
    choice: 'asks for the MAC of its neighbour every 5 ms on each queue',
    source: `${STACK}; RFC 4861, 7.3, neighbour unreachability detection`,
    frontend: guests.probes,
  },
  {
    id: 'frontend.routes-ipv6',
    choice: 'routes packets of another host over IPv6, one with a wrong checksum',
    source: STACK,
    warns: ['TXW-39'],
    frontend: guests.routesIpv6,
  },
  {
    id: 'frontend.tags-twice',
    choice: 'sends frames of 1,522 bytes with two VLAN tags of its own',
    source: 'netif.h, "MTU": counts the payload of a frame; IEEE 802.1Q, a service VLAN tag and a customer VLAN tag',
    warns: ['TXW-39'],
    frontend: guests.tagsTwice,
  },
  {
    id: 'frontend.drops-under-load',
    choice: 'has a guest with room for 3 packets at a time',
    source: `${STACK}; Ethernet may lose frames`,
    frontend: guests.dropsUnderLoad(3),
    stack: (stack) => stack,
  },
  {
    id: 'frontend.silent-without-carrier',
    choice: 'sends nothing while it has no carrier',
    source: 'netif.h, "Link state": a link that is down',
    frontend: guests.silentWithoutCarrier,
  },
  {
    id: 'frontend.random-identifier',
    choice: 'has a stack whose IPv6 address is not derived from its MAC',
    source: 'RFC 7217 and RFC 8064: random interface identifiers, which Linux, the BSDs and Windows can use',
    stack: stacks.randomIdentifier,
  },
  {
    id: 'frontend.late-addresses',
    choice: 'has a stack that replies to nothing in its first second',
    source: `${STACK}; it may configure its addresses after the link is up`,
    stack: stacks.lateAddresses(1000),
  },
  {
    id: 'frontend.two-pings',
    choice: 'has a stack that replies to at most 2 pings per second',
    source: 'FreeBSD ip_icmp.c, badport_bandlim: net.inet.icmp.icmplim, which may have any value',
    stack: stacks.limited(2),
  },
  {
    id: 'frontend.spaces-pings',
    choice: 'has a stack that replies to one ping in 200 ms',
    source: 'Linux net/ipv4/icmp.c, icmpv4_xrlim_allow: icmp_ratelimit',
    stack: guests.spacesPings(200),
  },
  {
    id: 'frontend.short-pings',
    choice: 'has a stack that replies to no ping in a frame of more than 590 bytes',
    source: `${STACK}; RFC 791, 3.1: every host accepts a packet of 576 bytes`,
    warns: ['MTU-01'],
    stack: guests.shortPings(590),
  },
  {
    id: 'frontend.via-router',
    choice: 'has a stack that sends its IPv4 packets to a router',
    source: STACK,
    stack: guests.viaRouter,
  },
  {
    id: 'frontend.bridge-duplicates',
    choice: 'has a bridge that forwards each packet twice',
    source: BRIDGE,
    frontend: { accept: duplicating((...packet) => correct.accept(...packet)) },
  },
  {
    id: 'frontend.bridge-late',
    choice: 'has a bridge that forwards packets 100 ms later',
    source: BRIDGE,
    frontend: { accept: delaying((...packet) => correct.accept(...packet), 100) },
  },
];
