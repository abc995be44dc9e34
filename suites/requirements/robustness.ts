import type { Requirement } from '../../harness/run/requirement.js';

/** What a driver must survive from its peer, which it can't trust. */
// prettier-ignore
export const ROB: readonly Requirement[] = [
  { id: 'ROB-01', side: 'backend', level: 'de-facto', since: 'always',
    statement: "Whatever a frontend does, the backend's other vifs keep working and new vifs can connect.",
    source: 'drivers: Linux, FreeBSD, NetBSD; see for example XSA-39, XSA-155 and XSA-362' },
  // Only newer drivers: for a long time a frontend was allowed to trust its backend.
  { id: 'ROB-02', side: 'frontend', level: 'should', since: 'always',
    statement: "Whatever a backend does, the frontend's other vifs keep working and new vifs can connect.",
    source: 'good practice: Linux and Windows check what a backend sends; see XSA-391 and XSA-403' },
];
