/** The Debian releases that the lab supports, each with its version of Xen, which is part of package names. */
export const RELEASES = { bookworm: '4.17', trixie: '4.20', forky: '4.20' } as const;

export type Release = keyof typeof RELEASES;

/** The release that is still in development. A mirror that is a snapshot serves lists after they have expired. */
export const TESTING: Release = 'forky';
