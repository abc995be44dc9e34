/** The Debian releases that the lab supports, each with its version of Xen, which is part of package names. */
export const RELEASES = { bookworm: '4.17', trixie: '4.20' } as const;

export type Release = keyof typeof RELEASES;
