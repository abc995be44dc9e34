import type { Requirement } from '../../harness/run/requirement.js';

/** Trust, link state, MTU and XDP: nodes that later versions added. */
// prettier-ignore
export const LATER_NODES: readonly Requirement[] = [
  { id: 'TRUST-01', side: 'frontend', level: 'should', since: '54d8f27d04',
    statement:
      "With trusted = 0 in its own directory, the frontend doesn't trust the backend, and exposes only the data that " +
      'it sends in granted pages.',
    source: 'netif.h, "trusted"' },
  // Not a must: the header says only what the value 0 signals.
  { id: 'TRUST-02', side: 'frontend', level: 'de-facto', since: '54d8f27d04',
    statement: "Without the trusted node the frontend behaves like one that doesn't know the node.",
    source: 'drivers: Linux, FreeBSD, Windows, mini-os; only Linux reads the node',
    untestable: 'a peer sees no difference between a frontend that trusts it and one that only shows what it sends' },
  // Not a must, here and in XDP-01: the header describes the values of an optional key.
  { id: 'LINK-01', side: 'backend', level: 'should', since: 'd25482b2f6',
    statement: 'A backend that reports its link state writes carrier = 0 for down or 1 for up.',
    source: 'netif.h, "Link state"' },
  // Not a must: the header says "should assume".
  { id: 'LINK-02', side: 'frontend', level: 'should', since: 'd25482b2f6',
    statement: 'Without the carrier node the frontend assumes that the link is up.',
    source: 'netif.h, "Link state"' },
  { id: 'LINK-03', side: 'frontend', level: 'should', since: 'd25482b2f6',
    statement: 'The frontend has no carrier while carrier = 0, and has one while carrier = 1.',
    source: 'netif.h, "Link state"' },
  // Not a must: the header says "should assume".
  { id: 'MTU-01', side: 'frontend', level: 'should', since: 'f9d25fa3fa',
    statement: 'Without the mtu node in its directory the frontend assumes an MTU of 1500.',
    source: 'netif.h, "MTU"' },
  { id: 'MTU-02', side: 'frontend', level: 'may', since: 'f9d25fa3fa',
    statement: 'The frontend may ignore the mtu node.',
    source: 'netif.h, "MTU"',
    untestable: 'MAY: every frontend conforms' },
  { id: 'MTU-03', side: 'toolstack', level: 'may', since: 'f9d25fa3fa',
    statement: "The toolstack may write mtu, in octets of packet payload, in the frontend's directory.",
    source: 'netif.h, "MTU"',
    untestable: 'a right of the toolstack: neither end of the vif is involved' },
  { id: 'XDP-01', side: 'backend', level: 'should', since: 'linux-5.9',
    statement: 'A backend that writes feature-xdp-headroom writes 1 if it offers headroom, and 0 if not.',
    source: 'Linux netif.h, "feature-xdp-headroom"' },
  { id: 'XDP-02', side: 'frontend', level: 'may', since: 'linux-5.9', gate: 'feature-xdp-headroom',
    statement: 'The frontend may request headroom of at most 0x7FFF bytes in xdp-headroom.',
    source: 'Linux netif.h, "xdp-headroom" and XEN_NETIF_MAX_XDP_HEADROOM',
    untestable: 'MAY: every frontend conforms; the request of a frontend that uses it shows in its key only' },
  // Not a must: how a response shows the headroom is known from the one backend alone.
  { id: 'XDP-03', side: 'backend', level: 'should', since: 'linux-5.9', gate: 'feature-xdp-headroom',
    statement:
      'While headroom is requested, each rx packet has an extra of type 5 that gives the headroom, and its data ' +
      'starts that many bytes into the page.',
    source: 'good practice: Linux xen-netback, the only one with the feature, does so',
    note: "Linux leaves the response's offset at 0 and includes the headroom in its status." },
  // Not a must: the upstream header leaves type 5 unassigned.
  { id: 'XDP-04', side: 'both', level: 'should', since: 'linux-5.9',
    statement: 'An end sends no extra of type 5 to a peer that negotiated no XDP headroom.',
    source: 'good practice: Linux does so; frontends drop packets with an extra of unknown type' },
  { id: 'XDP-05', side: 'frontend', level: 'should', since: 'linux-5.9',
    statement:
      'The frontend writes xdp-headroom only for a backend with feature-xdp-headroom = 1, and at most 0x7FFF, or it ' +
      'writes 0.',
    source: 'Linux netif.h, "xdp-headroom" and XEN_NETIF_MAX_XDP_HEADROOM' },
];
