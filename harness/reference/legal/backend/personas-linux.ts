/** Linux's backends, with all their choices and without their known bugs. */
import { CTRL_STATUS, CTRL_TYPE, KEY, NR_SLOTS_MIN } from '../../../protocol/netif.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { LegalDriver } from '../legal.js';
import { hashExtrasWithQueues, hashKept, mappingTable } from '../support/backend-control.js';
import { alone } from '../support/backend-features.js';
import { headroomInStatus, leftBlank } from '../support/backend-receive.js';
import { givesUp, refusesPartial, slotwise } from '../support/backend-refusals.js';
import { mapsPages, respondOneByOne, takesSlots } from '../support/backend-transmit.js';
import { closingFirst, connectedAlone, reconfiguringFatal, walking } from '../support/backend-walks.js';

/** Processors of its domain, which determine the number of queues. */
const QUEUES = 4;
const INVALID = { status: CTRL_STATUS.invalidParameter };
const NOT_SUPPORTED = { status: CTRL_STATUS.notSupported };

/** Common to all versions since 3.10: a malformed packet ends the vif, an invalid grant fails its slot. */
const fatal: Partial<BackendSteps> = {
  ...leftBlank,
  ...givesUp(),
  ...refusesPartial(takesSlots(NR_SLOTS_MIN + 1)),
  ...mapsPages(1, slotwise.respond),
};

const features4: Record<string, string> = {
  [KEY.featureSg]: '1',
  [KEY.featureGsoTcpv4]: '1',
  [KEY.featureGsoTcpv6]: '1',
  [KEY.featureIpv6CsumOffload]: '1',
  [KEY.featureRxCopy]: '1',
  'feature-rx-flip': '0',
  [KEY.featureMulticastControl]: '1',
  [KEY.featureDynamicMulticastControl]: '1',
  [KEY.featureSplitEventChannels]: '1',
  [KEY.multiQueueMaxQueues]: String(QUEUES),
};

const linux6: Partial<BackendSteps> = {
  ...walking(connectedAlone, closingFirst),
  ...fatal,
  ...hashKept,
  ...hashExtrasWithQueues,
  ...mappingTable(128, CTRL_STATUS.invalidParameter),
  ...headroomInStatus,
  maxQueues: () => QUEUES,
  features: () => ({ ...features4, [KEY.featureXdpHeadroom]: '1', [KEY.featureCtrlRing]: '1' }),
  answerControl(vif, request) {
    const { type, data } = request;
    if (type > CTRL_TYPE.setHashAlgorithm) return NOT_SUPPORTED;
    if (type === CTRL_TYPE.setHashKey && data[1] > 40) return INVALID;
    return correct.answerControl(vif, request);
  },
};

const uek4: Partial<BackendSteps> = {
  ...walking(connectedAlone, closingFirst, reconfiguringFatal),
  ...fatal,
  maxQueues: () => QUEUES,
  features: () => ({ ...features4, [KEY.featureStagingGrants]: '1' }),
};

const linux3: Partial<BackendSteps> = {
  ...walking(connectedAlone, closingFirst, reconfiguringFatal),
  ...leftBlank,
  ...refusesPartial(),
  ...alone(KEY.featureSg, KEY.featureGsoTcpv4, KEY.featureRxCopy),
  attach: (ring) => ring.attach(0),
  ringFault: () => undefined,
  respond: respondOneByOne,
};

export const LINUX_PERSONAS: readonly LegalDriver[] = [
  {
    id: 'backend.linux-3',
    choice: 'is Linux xen-netback of 3.2: one queue, one event channel',
    source: 'Linux drivers/net/xen-netback/netback.c and xenbus.c, v3.0 to v3.9',
    persona: true,
    backend: linux3,
    warns: ['XB-05', 'RING-20'],
  },
  {
    id: 'backend.linux-6',
    choice: 'is Linux xen-netback of 6.1 on four processors',
    source: 'Linux drivers/net/xen-netback/*.c, v6.1; xenbus.c 0154ec71d597',
    persona: true,
    backend: linux6,
    warns: ['HASH-38', 'HASH-39'],
  },
  {
    id: 'backend.uek4',
    choice: 'is Oracle UEK4 xen-netback with staging grants, which maps a whole pool or none of it',
    source: 'oracle/linux-uek drivers/net/xen-netback/grant.c, 33e354017b7a',
    persona: true,
    backend: uek4,
    warns: ['XB-05'],
  },
];
