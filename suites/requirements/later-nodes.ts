import type { Requirement } from './requirement.js';

/** Trust, link state, MTU and XDP: nodes that later versions added. */
// prettier-ignore
export const LATER_NODES: readonly Requirement[] = [
  { id: 'TRUST-01', side: 'frontend', level: 'should', since: '54d8f27d04',
    statement:
      "A frontend whose own directory has trusted at 0 doesn't trust the backend, and shows it nothing in granted " +
      'pages but what it sends.',
    source: 'netif.h, "trusted"' },
  // Not a must: the text says only what the value 0 signals.
  { id: 'TRUST-02', side: 'frontend', level: 'de-facto', since: '54d8f27d04',
    statement: 'Without the trusted node the frontend behaves as one that knows nothing of it.',
    source: "every driver: Linux reads the node, FreeBSD, Windows and mini-os don't know it" },
  { id: 'LINK-01', side: 'backend', level: 'may', since: 'd25482b2f6',
    statement: 'The backend may tell its link state in carrier, 0 for down and 1 for up.',
    source: 'netif.h, "Link state"' },
  // Not a must: the header says "should assume".
  { id: 'LINK-02', side: 'frontend', level: 'should', since: 'd25482b2f6',
    statement: 'Without the carrier node the frontend takes the link to be up.',
    source: 'netif.h, "Link state"' },
  { id: 'LINK-03', side: 'frontend', level: 'should', since: 'd25482b2f6',
    statement: 'The frontend has no carrier while carrier is 0 and has it while carrier is 1.',
    source: 'netif.h, "Link state"' },
  // Not a must: the header says "should assume".
  { id: 'MTU-01', side: 'frontend', level: 'should', since: 'f9d25fa3fa',
    statement: 'Without the mtu node in its directory the frontend takes the MTU to be 1500.',
    source: 'netif.h, "MTU"' },
  { id: 'MTU-02', side: 'frontend', level: 'may', since: 'f9d25fa3fa',
    statement: 'The frontend may ignore the mtu node.',
    source: 'netif.h, "MTU"',
    untestable: 'a permission, which no frontend can break' },
  { id: 'MTU-03', side: 'toolstack', level: 'may', since: 'f9d25fa3fa',
    statement: "The toolstack may write mtu, in octets of packet payload, in the frontend's directory.",
    source: 'netif.h, "MTU"',
    untestable: "the toolstack's right, which neither end of the vif has a part in" },
  { id: 'XDP-01', side: 'backend', level: 'may', since: 'linux-5.9',
    statement: 'The backend may offer room for XDP with feature-xdp-headroom at 1.',
    source: 'Linux netif.h, "feature-xdp-headroom"' },
  { id: 'XDP-02', side: 'frontend', level: 'may', since: 'linux-5.9', gate: 'feature-xdp-headroom',
    statement: 'The frontend may ask for headroom, of at most 0x7FFF bytes, in xdp-headroom.',
    source: 'Linux netif.h, "xdp-headroom" and XEN_NETIF_MAX_XDP_HEADROOM',
    untestable: 'a permission, which no frontend can break; what is asked for by a frontend that uses it shows in nothing but its key' },
  // Not a must: how the headroom shows in a response is what the one backend does.
  { id: 'XDP-03', side: 'backend', level: 'de-facto', since: 'linux-5.9', gate: 'feature-xdp-headroom',
    statement:
      'While headroom is asked for, each rx packet has an extra of type 5 that tells it, and its data starts that ' +
      'many bytes into the page.',
    source: 'every driver: Linux xen-netback, the only one',
    note: "Linux leaves the response's offset at 0 and counts the headroom in its status." },
  // Not a must: the upstream header leaves type 5 unassigned.
  { id: 'XDP-04', side: 'both', level: 'de-facto', since: 'linux-5.9',
    statement: 'No extra of type 5 is sent to a peer that negotiated no XDP headroom.',
    source: 'every driver: Linux' },
];
