/** Whom a requirement binds. */
export type Side = 'frontend' | 'backend' | 'both' | 'toolstack';

/**
 * How strongly. `must`, `should` and `may` follow the wording of the text: MUST NOT counts as must, a format that is
 * simply declared as must. A `should` whose source begins with "good practice: " is our own advice where the text is
 * silent. `de-facto` is what every driver does and peers rely on, though no text says it.
 */
export type Level = 'must' | 'should' | 'may' | 'de-facto';

/**
 * One normative statement about an end of a vif. The chapters keep theirs as tables of a few lines a row, out of
 * prettier's reach.
 */
export interface Requirement {
  /** Permanent: chapter and number, such as RING-09. */
  readonly id: string;
  readonly side: Side;
  readonly level: Level;
  /** A key of {@link TEXT_VERSIONS}: which version of the text first has the rule. */
  readonly since: string;
  /** The feature key in xenstore without which the rule doesn't apply. */
  readonly gate?: string;
  /** One sentence that stands alone in a failure message. */
  readonly statement: string;
  /** Where the rule stands: file, heading and what to look for; for de-facto rules whose behaviour it is. */
  readonly source: string;
  /** What the text leaves open, or where drivers differ, in so far as a verdict depends on it. */
  readonly note?: string;
  /** Why no peer can check the rule. */
  readonly untestable?: string;
}

/** Versions of the text, about oldest first: commits of the public headers in xen.git, and the headers of others. */
export const TEXT_VERSIONS: Readonly<Record<string, string>> = {
  always: 'there from the start',
  '7ef12531b8': 'xenbus.h: Reconfiguring and Reconfigured (2008)',
  '9204bc6545': 'netif.h: split event channels (2013)',
  '723a375f4e': 'netif.h: least number of slots',
  a63c57093b: 'ring.h: overflow of requests (2013)',
  fecc45fa4a: 'netif.h: multiple queues (2014)',
  f0ffd6032f: 'netif.h: layouts documented (2015)',
  '19167b1160': 'netif.h: GSO prefix',
  '03809ae77d': 'netif.h: wire formats documented',
  '3f20b8def0': 'ring.h: copies of requests (2015)',
  '162a81abb1': 'netif.h: control ring (2016)',
  '38992e5df2': 'netif.h: multicast control',
  '15b1e8d864': 'netif.h: hashing',
  '30655e2bf0': 'netif.h: gref mapping (2017)',
  uek4: "Oracle's UEK4 netif.h: staging grants (2017)",
  d25482b2f6: 'netif.h: link state (2019)',
  f9d25fa3fa: 'netif.h: MTU (2020)',
  'linux-5.9': "Linux 5.9's netif.h: XDP (2020)",
  d1f6296053: 'ring.h: overflow of responses (2021)',
  '54d8f27d04': 'netif.h: trusted (2022)',
};

/** The newest text: what a driver is held to unless its vendor claims an older one. */
export const NEWEST_TEXT = Object.keys(TEXT_VERSIONS).at(-1) ?? 'always';

/** The version that `prefix` begins, if there is just one. */
export function textVersion(prefix: string): string | undefined {
  const found = Object.keys(TEXT_VERSIONS).filter((version) => version.startsWith(prefix));
  return prefix !== '' && found.length === 1 ? found[0] : undefined;
}

/** Whether a rule that is there since one version of the text stands in another. */
export function standsIn(version: string, { since }: Pick<Requirement, 'since'>): boolean {
  const versions = Object.keys(TEXT_VERSIONS);
  return versions.indexOf(since) <= versions.indexOf(version);
}
