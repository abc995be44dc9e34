/** All chapters of both roles, in the order in which they run. */
import type { Tests } from '../harness/run/suite.js';
import { again as backendAgain } from './backend/again.js';
import { backlog as backendBacklog } from './backend/backlog.js';
import { jumbo as backendJumbo } from './backend/jumbo.js';
import { bounds as backendBounds } from './backend/bounds.js';
import { buffers as backendBuffers } from './backend/buffers.js';
import { changes as backendChanges } from './backend/changes.js';
import { checksum as backendChecksum } from './backend/checksum.js';
import { completed as backendCompleted } from './backend/completed.js';
import { control as backendControl } from './backend/control.js';
import { edges as backendEdges } from './backend/edges.js';
import { ends as backendEnds } from './backend/ends.js';
import { exhaustion as backendExhaustion } from './backend/exhaustion.js';
import { extras as backendExtras } from './backend/extras.js';
import { flows as backendFlows } from './backend/flows.js';
import { frames as backendFrames } from './backend/frames.js';
import { gref as backendGref } from './backend/gref.js';
import { groups as backendGroups } from './backend/groups.js';
import { gso as backendGso } from './backend/gso.js';
import { hash as backendHash } from './backend/hash.js';
import { indices as backendIndices } from './backend/indices.js';
import { keys as backendKeys } from './backend/keys.js';
import { layouts as backendLayouts } from './backend/layouts.js';
import { lists as backendLists } from './backend/lists.js';
import { mapped as backendMapped } from './backend/mapped.js';
import { mapping as backendMapping } from './backend/mapping.js';
import { metadata as backendMetadata } from './backend/metadata.js';
import { multicast as backendMulticast } from './backend/multicast.js';
import { notifications as backendNotifications } from './backend/notifications.js';
import { pages as backendPages } from './backend/pages.js';
import { positions as backendPositions } from './backend/positions.js';
import { queues as backendQueues } from './backend/queues.js';
import { receive as backendReceive } from './backend/receive.js';
import { refills as backendRefills } from './backend/refills.js';
import { refusals as backendRefusals } from './backend/refusals.js';
import { rings as backendRings } from './backend/rings.js';
import { robustness as backendRobustness } from './backend/robustness.js';
import { staging as backendStaging } from './backend/staging.js';
import { states as backendStates } from './backend/states.js';
import { tables as backendTables } from './backend/tables.js';
import { together as backendTogether } from './backend/together.js';
import { toeplitz as backendToeplitz } from './backend/toeplitz.js';
import { transmit as backendTransmit } from './backend/transmit.js';
import { wakeups as backendWakeups } from './backend/wakeups.js';
import { xenbus as backendXenbus } from './backend/xenbus.js';
import { again as frontendAgain } from './frontend/again.js';
import { checksum as frontendChecksum } from './frontend/checksum.js';
import { closing as frontendClosing } from './frontend/closing.js';
import { handles as frontendHandles } from './frontend/handles.js';
import { control as frontendControl } from './frontend/control.js';
import { unmatched as frontendUnmatched } from './frontend/unmatched.js';
import { exposed } from './frontend/exposed.js';
import { extremes } from './frontend/extremes.js';
import { frames as frontendFrames } from './frontend/frames.js';
import { gso as frontendGso } from './frontend/gso.js';
import { layouts as frontendLayouts } from './frontend/layouts.js';
import { memory as frontendMemory } from './frontend/memory.js';
import { multicast as frontendMulticast } from './frontend/multicast.js';
import { notifications as frontendNotifications } from './frontend/notifications.js';
import { offers as frontendOffers } from './frontend/offers.js';
import { queues as frontendQueues } from './frontend/queues.js';
import { receive as frontendReceive } from './frontend/receive.js';
import { completed as frontendCompleted } from './frontend/completed.js';
import { places } from './frontend/places.js';
import { pieces } from './frontend/pieces.js';
import { responses as frontendResponses } from './frontend/responses.js';
import { rings as frontendRings } from './frontend/rings.js';
import { robustness as frontendRobustness } from './frontend/robustness.js';
import { staging as frontendStaging } from './frontend/staging.js';
import { states as frontendStates } from './frontend/states.js';
import { transmit as frontendTransmit } from './frontend/transmit.js';
import { wakeups as frontendWakeups } from './frontend/wakeups.js';
import { xenbus as frontendXenbus } from './frontend/xenbus.js';

export const SUITES: Tests = [
  ...backendXenbus,
  ...backendKeys,
  ...backendStates,
  ...backendEnds,
  ...backendRings,
  ...backendIndices,
  ...backendNotifications,
  ...backendWakeups,
  ...backendTransmit,
  ...backendLayouts,
  ...backendFrames,
  ...backendEdges,
  ...backendReceive,
  ...backendBuffers,
  ...backendRefills,
  ...backendRefusals,
  ...backendPositions,
  ...backendBacklog,
  ...backendJumbo,
  ...backendQueues,
  ...backendChecksum,
  ...backendGso,
  ...backendExtras,
  ...backendMetadata,
  ...backendTogether,
  ...backendCompleted,
  ...backendMulticast,
  ...backendGroups,
  ...backendControl,
  ...backendHash,
  ...backendFlows,
  ...backendMapping,
  ...backendTables,
  ...backendToeplitz,
  ...backendBounds,
  ...backendGref,
  ...backendMapped,
  ...backendLists,
  ...backendPages,
  ...backendStaging,
  ...backendChanges,
  ...backendExhaustion,
  ...backendAgain,
  ...backendRobustness,
  ...frontendXenbus,
  ...frontendRings,
  ...frontendNotifications,
  ...frontendWakeups,
  ...frontendTransmit,
  ...frontendResponses,
  ...pieces,
  ...frontendCompleted,
  ...frontendReceive,
  ...places,
  ...frontendFrames,
  ...frontendLayouts,
  ...frontendQueues,
  ...frontendOffers,
  ...frontendChecksum,
  ...frontendGso,
  ...extremes,
  ...frontendMulticast,
  ...frontendControl,
  ...frontendUnmatched,
  ...frontendStaging,
  ...frontendStates,
  ...frontendClosing,
  ...frontendHandles,
  ...frontendMemory,
  ...exposed,
  ...frontendAgain,
  ...frontendRobustness,
];
