import { BACKEND_LEGAL } from './backend/index.js';
import { LEGAL_FRONTENDS } from './frontend/index.js';
import type { LegalDriver } from './legal.js';

export type { LegalDriver } from './legal.js';

/** Every correct driver that differs from the reference drivers. */
export const LEGAL: readonly LegalDriver[] = [...LEGAL_FRONTENDS, ...BACKEND_LEGAL];
