/** The end that a requirement binds. */
export type Side = 'frontend' | 'backend' | 'both' | 'toolstack';

/**
 * The strength of a requirement. `must`, `should` and `may` follow the wording of the header: MUST NOT counts as must,
 * and so does a format that the header declares. A `should` whose source begins with "good practice: " is netifspec's
 * own advice where the header is silent. `de-facto` is what three independent drivers or more do and peers rely on,
 * although no header states it; none is known to do otherwise by design. A driver that crashes or stops instead has a
 * bug, and is no example of another choice.
 */
export type Level = 'must' | 'should' | 'may' | 'de-facto';

/**
 * One obligation of an end of a vif. Each chapter is a table with a few lines per requirement, which prettier does not
 * format.
 */
export interface Requirement {
  /** Permanent: chapter and number, such as RING-09. */
  readonly id: string;
  readonly side: Side;
  readonly level: Level;
  /** A key of {@link TEXT_VERSIONS}: the first version of the header that has the requirement. */
  readonly since: string;
  /** The feature key in xenstore without which the requirement does not apply. */
  readonly gate?: string;
  /** One sentence that is complete in a failure message. */
  readonly statement: string;
  /**
   * Where it is stated: file, heading and a string to search for; for a de-facto requirement, the drivers that behave
   * so.
   */
  readonly source: string;
  /**
   * Lines of the header in {@link HEADERS} in which the obligation stands, such as `netif.h:143-150`; every must has
   * them. Where the format implies the obligation, they are those of the format. Of Oracle's header, which has no
   * public revision, the first words of the sentence stand in place of a number.
   */
  readonly lines?: string;
  /** What the header leaves open, or how drivers differ, if a verdict depends on it. */
  readonly note?: string;
  /** Why no peer can check the requirement. */
  readonly untestable?: string;
}

/** The revision of the headers whose lines the catalogue cites. */
export const HEADERS =
  'xen.git c447b7308b1330ec6dcfef37220736c28f41daa0: xen/include/public/io/{netif,ring,xenbus}.h and ' +
  'xen/include/public/grant_table.h';

/** Versions of the header, roughly oldest first: commits of xen.git's public headers, or headers of other projects. */
export const TEXT_VERSIONS: Readonly<Record<string, string>> = {
  always: 'present from the start',
  '7ef12531b8': 'xenbus.h: Reconfiguring and Reconfigured (2008)',
  '9204bc6545': 'netif.h: split event channels (2013)',
  '723a375f4e': 'netif.h: minimum number of slots',
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

/** The newest version of the header: the default if the vendor claims no older one. */
export const NEWEST_TEXT = Object.keys(TEXT_VERSIONS).at(-1) ?? 'always';

/** The version whose key starts with `prefix`; undefined if no version or more than one matches. */
export function textVersion(prefix: string): string | undefined {
  const found = Object.keys(TEXT_VERSIONS).filter((version) => version.startsWith(prefix));
  return prefix !== '' && found.length === 1 ? found[0] : undefined;
}

/** Whether `version` of the header has a requirement that was added in `since`. */
export function standsIn(version: string, { since }: Pick<Requirement, 'since'>): boolean {
  const versions = Object.keys(TEXT_VERSIONS);
  return versions.indexOf(since) <= versions.indexOf(version);
}
