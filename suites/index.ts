/** All chapters of both roles, in the order in which they run. */
import type { Tests } from '../harness/run/suite.js';
import { checksum as backendChecksum } from './backend/checksum.js';
import { control as backendControl } from './backend/control.js';
import { extras as backendExtras } from './backend/extras.js';
import { gref as backendGref } from './backend/gref.js';
import { gso as backendGso } from './backend/gso.js';
import { hash as backendHash } from './backend/hash.js';
import { multicast as backendMulticast } from './backend/multicast.js';
import { notifications as backendNotifications } from './backend/notifications.js';
import { queues as backendQueues } from './backend/queues.js';
import { receive as backendReceive } from './backend/receive.js';
import { rings as backendRings } from './backend/rings.js';
import { robustness as backendRobustness } from './backend/robustness.js';
import { staging as backendStaging } from './backend/staging.js';
import { transmit as backendTransmit } from './backend/transmit.js';
import { xenbus as backendXenbus } from './backend/xenbus.js';
import { checksum as frontendChecksum } from './frontend/checksum.js';
import { control as frontendControl } from './frontend/control.js';
import { gso as frontendGso } from './frontend/gso.js';
import { multicast as frontendMulticast } from './frontend/multicast.js';
import { notifications as frontendNotifications } from './frontend/notifications.js';
import { queues as frontendQueues } from './frontend/queues.js';
import { receive as frontendReceive } from './frontend/receive.js';
import { rings as frontendRings } from './frontend/rings.js';
import { robustness as frontendRobustness } from './frontend/robustness.js';
import { staging as frontendStaging } from './frontend/staging.js';
import { transmit as frontendTransmit } from './frontend/transmit.js';
import { xenbus as frontendXenbus } from './frontend/xenbus.js';

export const SUITES: Tests = [
  ...backendXenbus,
  ...backendRings,
  ...backendNotifications,
  ...backendTransmit,
  ...backendReceive,
  ...backendQueues,
  ...backendChecksum,
  ...backendGso,
  ...backendExtras,
  ...backendMulticast,
  ...backendControl,
  ...backendHash,
  ...backendGref,
  ...backendStaging,
  ...backendRobustness,
  ...frontendXenbus,
  ...frontendRings,
  ...frontendNotifications,
  ...frontendTransmit,
  ...frontendReceive,
  ...frontendQueues,
  ...frontendChecksum,
  ...frontendGso,
  ...frontendMulticast,
  ...frontendControl,
  ...frontendStaging,
  ...frontendRobustness,
];
