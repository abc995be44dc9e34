/** The profiles of guest operating systems. */
import { freebsd } from './freebsd.js';
import { illumos } from './illumos.js';
import { linux } from './linux.js';
import { netbsd } from './netbsd.js';
import { openbsd } from './openbsd.js';
import type { OsProfile } from './os-profile.js';
import { windows } from './windows.js';

/** The supported guest operating systems. Only Linux's profile was ever run on a guest. */
export const PROFILES: Readonly<Record<string, OsProfile>> = { linux, freebsd, netbsd, openbsd, illumos, windows };

/** The profile of this name. Throws a RangeError that lists the known ones. */
export function profileNamed(name: string): OsProfile {
  const profile = Object.hasOwn(PROFILES, name) ? PROFILES[name] : undefined;
  if (profile) return profile;
  throw new RangeError(`unknown OS profile ${JSON.stringify(name)}; known: ${Object.keys(PROFILES).join(', ')}`);
}
