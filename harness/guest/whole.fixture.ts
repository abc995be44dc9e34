import type { OsProfile } from './os-profile.js';

type Whole = { readonly [name in keyof OsProfile]-?: NonNullable<OsProfile[name]> };

/** A profile of a system that can do whatever the test calls. */
export function whole(profile: OsProfile): Whole {
  return profile as Whole;
}
