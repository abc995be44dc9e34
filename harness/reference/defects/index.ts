import { BACKEND_BOUNDS_DEFECTS } from './backend-bounds.js';
import { BACKEND_TRAFFIC_DEFECTS } from './backend-traffic.js';
import { BACKEND_DEFECTS } from './backend.js';
import { CHECKSUM_DEFECTS } from './checksum.js';
import { CONTROL_DEFECTS } from './control.js';
import type { Defect } from './defect.js';
import { FRONTEND_EXTRAS_DEFECTS } from './frontend-extras.js';
import { FRONTEND_TRAFFIC_DEFECTS } from './frontend-traffic.js';
import { FRONTEND_DEFECTS } from './frontend.js';
import { GREF_DEFECTS } from './gref.js';
import { GSO_DEFECTS } from './gso.js';
import { HASH_DEFECTS } from './hash.js';
import { LIFE_CYCLE_DEFECTS } from './life-cycle.js';
import { MULTICAST_DEFECTS } from './multicast.js';
import { REAL_DEFECTS } from './real.js';
import { ROBUSTNESS_DEFECTS } from './robustness.js';
import { SLOT_DEFECTS } from './slots.js';
import { STAGING_DEFECTS } from './staging.js';

export type { Defect } from './defect.js';

/** Every defect that can be planted into a reference driver. */
export const DEFECTS: readonly Defect[] = [
  ...FRONTEND_DEFECTS,
  ...BACKEND_DEFECTS,
  ...CHECKSUM_DEFECTS,
  ...MULTICAST_DEFECTS,
  ...CONTROL_DEFECTS,
  ...GSO_DEFECTS,
  ...HASH_DEFECTS,
  ...GREF_DEFECTS,
  ...STAGING_DEFECTS,
  ...SLOT_DEFECTS,
  ...FRONTEND_EXTRAS_DEFECTS,
  ...LIFE_CYCLE_DEFECTS,
  ...ROBUSTNESS_DEFECTS,
  ...BACKEND_TRAFFIC_DEFECTS,
  ...BACKEND_BOUNDS_DEFECTS,
  ...FRONTEND_TRAFFIC_DEFECTS,
  ...REAL_DEFECTS,
];
