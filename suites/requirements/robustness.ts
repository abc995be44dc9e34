import type { Requirement } from './requirement.js';

/** What a driver must bear from the other end, which may be anybody's. */
// prettier-ignore
export const ROB: readonly Requirement[] = [
  { id: 'ROB-01', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'Whatever a frontend does, the other vifs of the backend work on, and so does one that is connected later.',
    source: 'every driver: Linux, FreeBSD, NetBSD, by XSA-39, XSA-155 and XSA-362, for one' },
  // Newer drivers only: for long a frontend was allowed to trust its backend.
  { id: 'ROB-02', side: 'frontend', level: 'should', since: 'always',
    statement: 'Whatever a backend does, the other vifs of the frontend work on, and so does one that is connected later.',
    source: 'good practice: Linux and Windows check what a backend says, by XSA-391 and XSA-403' },
];
