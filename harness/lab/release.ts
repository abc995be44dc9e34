/** The Debian releases that the lab can be made of, each with the version of its Xen, by which packages are named. */
export const RELEASES = { bookworm: '4.17', trixie: '4.20' } as const;

export type Release = keyof typeof RELEASES;
