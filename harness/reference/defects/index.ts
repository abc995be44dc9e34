import { BACKEND_AGAIN_DEFECTS } from './backend/again.js';
import { BACKEND_BOUNDS_DEFECTS } from './backend/bounds.js';
import { BACKEND_BUFFERS_DEFECTS } from './backend/buffers.js';
import { BACKEND_CHECKSUM_DEFECTS } from './backend/checksum.js';
import { BACKEND_CONTROL_DEFECTS } from './backend/control.js';
import { BACKEND_EDGES_DEFECTS } from './backend/edges.js';
import { BACKEND_ENDS_DEFECTS } from './backend/ends.js';
import { BACKEND_EXHAUSTION_DEFECTS } from './backend/exhaustion.js';
import { BACKEND_EXTRAS_DEFECTS } from './backend/extras.js';
import { BACKEND_FLOWS_DEFECTS } from './backend/flows.js';
import { BACKEND_FRAMES_DEFECTS } from './backend/frames.js';
import { BACKEND_GREF_DEFECTS } from './backend/gref.js';
import { BACKEND_GSO_DEFECTS } from './backend/gso.js';
import { BACKEND_GROUPS_DEFECTS } from './backend/groups.js';
import { BACKEND_HASH_KEYS_DEFECTS } from './backend/hash-keys.js';
import { BACKEND_HASH_DEFECTS } from './backend/hash.js';
import { BACKEND_INDICES_DEFECTS } from './backend/indices.js';
import { BACKEND_KEYS_DEFECTS } from './backend/keys.js';
import { BACKEND_LAYOUTS_DEFECTS } from './backend/layouts.js';
import { BACKEND_LISTS_DEFECTS } from './backend/lists.js';
import { BACKEND_MAPPED_DEFECTS } from './backend/mapped.js';
import { BACKEND_MAPPING_DEFECTS } from './backend/mapping.js';
import { BACKEND_METADATA_DEFECTS } from './backend/metadata.js';
import { BACKEND_TOGETHER_DEFECTS } from './backend/together.js';
import { BACKEND_MULTICAST_DEFECTS } from './backend/multicast.js';
import { BACKEND_NOTIFICATIONS_DEFECTS } from './backend/notifications.js';
import { BACKEND_PAGES_DEFECTS } from './backend/pages.js';
import { BACKEND_QUEUES_DEFECTS } from './backend/queues.js';
import { BACKEND_RECEIVE_DEFECTS } from './backend/receive.js';
import { BACKEND_POSITIONS_DEFECTS } from './backend/positions.js';
import { BACKEND_BACKLOG_DEFECTS } from './backend/backlog.js';
import { BACKEND_JUMBO_DEFECTS } from './backend/jumbo.js';
import { BACKEND_COMPLETED_DEFECTS } from './backend/completed.js';
import { BACKEND_REFILLS_DEFECTS } from './backend/refills.js';
import { BACKEND_REFUSALS_DEFECTS } from './backend/refusals.js';
import { BACKEND_RINGS_DEFECTS } from './backend/rings.js';
import { BACKEND_ROBUSTNESS_DEFECTS } from './backend/robustness.js';
import { BACKEND_STAGING_DEFECTS } from './backend/staging.js';
import { BACKEND_STATES_DEFECTS } from './backend/states.js';
import { BACKEND_TABLES_DEFECTS } from './backend/tables.js';
import { BACKEND_TOEPLITZ_DEFECTS } from './backend/toeplitz.js';
import { BACKEND_TRANSMIT_DEFECTS } from './backend/transmit.js';
import { BACKEND_WAKEUPS_DEFECTS } from './backend/wakeups.js';
import { BACKEND_XENBUS_DEFECTS } from './backend/xenbus.js';
import type { Defect } from './defect.js';
import { FRONTEND_AGAIN_DEFECTS } from './frontend/again.js';
import { FRONTEND_CHECKSUM_DEFECTS } from './frontend/checksum.js';
import { FRONTEND_CLOSING_DEFECTS } from './frontend/closing.js';
import { FRONTEND_CONTROL_DEFECTS } from './frontend/control.js';
import { FRONTEND_HANDLES_DEFECTS } from './frontend/handles.js';
import { FRONTEND_UNMATCHED_DEFECTS } from './frontend/unmatched.js';
import { FRONTEND_EXPOSED_DEFECTS } from './frontend/exposed.js';
import { FRONTEND_EXTREMES_DEFECTS } from './frontend/extremes.js';
import { FRONTEND_FRAMES_DEFECTS } from './frontend/frames.js';
import { FRONTEND_GSO_DEFECTS } from './frontend/gso.js';
import { FRONTEND_LAYOUTS_DEFECTS } from './frontend/layouts.js';
import { FRONTEND_MEMORY_DEFECTS } from './frontend/memory.js';
import { FRONTEND_MULTICAST_DEFECTS } from './frontend/multicast.js';
import { FRONTEND_NOTIFICATIONS_DEFECTS } from './frontend/notifications.js';
import { FRONTEND_PLACES_DEFECTS } from './frontend/places.js';
import { FRONTEND_OFFERS_DEFECTS } from './frontend/offers.js';
import { FRONTEND_QUEUES_DEFECTS } from './frontend/queues.js';
import { FRONTEND_RECEIVE_DEFECTS } from './frontend/receive.js';
import { FRONTEND_COMPLETED_DEFECTS } from './frontend/completed.js';
import { FRONTEND_PIECES_DEFECTS } from './frontend/pieces.js';
import { FRONTEND_RESPONSES_DEFECTS } from './frontend/responses.js';
import { FRONTEND_RINGS_DEFECTS } from './frontend/rings.js';
import { FRONTEND_ROBUSTNESS_DEFECTS } from './frontend/robustness.js';
import { FRONTEND_STAGING_DEFECTS } from './frontend/staging.js';
import { FRONTEND_STATES_DEFECTS } from './frontend/states.js';
import { FRONTEND_TRANSMIT_DEFECTS } from './frontend/transmit.js';
import { FRONTEND_WAKEUPS_DEFECTS } from './frontend/wakeups.js';
import { FRONTEND_XENBUS_DEFECTS } from './frontend/xenbus.js';

export type { Defect } from './defect.js';

const ALL: readonly Defect[] = [
  ...BACKEND_XENBUS_DEFECTS,
  ...BACKEND_KEYS_DEFECTS,
  ...BACKEND_STATES_DEFECTS,
  ...BACKEND_ENDS_DEFECTS,
  ...BACKEND_RINGS_DEFECTS,
  ...BACKEND_INDICES_DEFECTS,
  ...BACKEND_NOTIFICATIONS_DEFECTS,
  ...BACKEND_WAKEUPS_DEFECTS,
  ...BACKEND_TRANSMIT_DEFECTS,
  ...BACKEND_LAYOUTS_DEFECTS,
  ...BACKEND_FRAMES_DEFECTS,
  ...BACKEND_EDGES_DEFECTS,
  ...BACKEND_RECEIVE_DEFECTS,
  ...BACKEND_BUFFERS_DEFECTS,
  ...BACKEND_REFILLS_DEFECTS,
  ...BACKEND_REFUSALS_DEFECTS,
  ...BACKEND_POSITIONS_DEFECTS,
  ...BACKEND_BACKLOG_DEFECTS,
  ...BACKEND_JUMBO_DEFECTS,
  ...BACKEND_QUEUES_DEFECTS,
  ...BACKEND_CHECKSUM_DEFECTS,
  ...BACKEND_GSO_DEFECTS,
  ...BACKEND_EXTRAS_DEFECTS,
  ...BACKEND_METADATA_DEFECTS,
  ...BACKEND_TOGETHER_DEFECTS,
  ...BACKEND_COMPLETED_DEFECTS,
  ...BACKEND_MULTICAST_DEFECTS,
  ...BACKEND_GROUPS_DEFECTS,
  ...BACKEND_CONTROL_DEFECTS,
  ...BACKEND_HASH_DEFECTS,
  ...BACKEND_FLOWS_DEFECTS,
  ...BACKEND_HASH_KEYS_DEFECTS,
  ...BACKEND_MAPPING_DEFECTS,
  ...BACKEND_TABLES_DEFECTS,
  ...BACKEND_TOEPLITZ_DEFECTS,
  ...BACKEND_BOUNDS_DEFECTS,
  ...BACKEND_GREF_DEFECTS,
  ...BACKEND_MAPPED_DEFECTS,
  ...BACKEND_LISTS_DEFECTS,
  ...BACKEND_PAGES_DEFECTS,
  ...BACKEND_STAGING_DEFECTS,
  ...BACKEND_AGAIN_DEFECTS,
  ...BACKEND_EXHAUSTION_DEFECTS,
  ...BACKEND_ROBUSTNESS_DEFECTS,
  ...FRONTEND_XENBUS_DEFECTS,
  ...FRONTEND_RINGS_DEFECTS,
  ...FRONTEND_NOTIFICATIONS_DEFECTS,
  ...FRONTEND_WAKEUPS_DEFECTS,
  ...FRONTEND_TRANSMIT_DEFECTS,
  ...FRONTEND_COMPLETED_DEFECTS,
  ...FRONTEND_PIECES_DEFECTS,
  ...FRONTEND_RESPONSES_DEFECTS,
  ...FRONTEND_RECEIVE_DEFECTS,
  ...FRONTEND_PLACES_DEFECTS,
  ...FRONTEND_FRAMES_DEFECTS,
  ...FRONTEND_LAYOUTS_DEFECTS,
  ...FRONTEND_QUEUES_DEFECTS,
  ...FRONTEND_OFFERS_DEFECTS,
  ...FRONTEND_CHECKSUM_DEFECTS,
  ...FRONTEND_GSO_DEFECTS,
  ...FRONTEND_EXTREMES_DEFECTS,
  ...FRONTEND_MULTICAST_DEFECTS,
  ...FRONTEND_CONTROL_DEFECTS,
  ...FRONTEND_UNMATCHED_DEFECTS,
  ...FRONTEND_STAGING_DEFECTS,
  ...FRONTEND_STATES_DEFECTS,
  ...FRONTEND_CLOSING_DEFECTS,
  ...FRONTEND_HANDLES_DEFECTS,
  ...FRONTEND_MEMORY_DEFECTS,
  ...FRONTEND_EXPOSED_DEFECTS,
  ...FRONTEND_AGAIN_DEFECTS,
  ...FRONTEND_ROBUSTNESS_DEFECTS,
];

/** The defects of the matrix, in the order of the suites. */
export const DEFECTS: readonly Defect[] = ALL.filter(({ raceIn }) => raceIn === undefined);

/** A defect whose test fails in some orders of delivery only. */
export type Race = Defect & { readonly raceIn: string };

export const RACES: readonly Race[] = ALL.filter((defect): defect is Race => defect.raceIn !== undefined);
