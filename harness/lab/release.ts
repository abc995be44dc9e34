/** The Debian releases that the lab supports, each with its version of Xen, which is part of package names. */
export const RELEASES = { bookworm: '4.17', trixie: '4.20', forky: '4.20' } as const;

export type Release = keyof typeof RELEASES;

/** The release that is still in development. A mirror that is a copy of a day keeps its lists longer than they are valid. */
export const TESTING: Release = 'forky';
