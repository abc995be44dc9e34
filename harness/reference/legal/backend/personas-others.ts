/** QEMU's and MirageOS's backends, with all their choices and without their known bugs. */
import { KEY } from '../../../protocol/netif.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import { BACKEND_STEPS as correct, readNumber, type BackendSteps } from '../../backend-steps.js';
import { STATE } from '../../bus.js';
import { fit } from '../../packet.js';
import type { LegalDriver } from '../legal.js';
import { pageZeroed } from '../support/backend-receive.js';
import { givesUp } from '../support/backend-refusals.js';
import { mapsPages, respondOneByOne, runtsSwallowed } from '../support/backend-transmit.js';
import { connectedAlone, releasesLate, removesItself, waitsForToolstack, walking } from '../support/backend-walks.js';

/** Common to all versions of QEMU's backend. */
const qemu: Partial<BackendSteps> = {
  ...mapsPages(0, respondOneByOne),
  maxQueues: () => 1,
  features: () => ({ [KEY.featureRxCopy]: '1', 'feature-rx-flip': '0' }),
  async advertise(vif) {
    for (const [key, value] of Object.entries(vif.steps.features())) {
      await vif.domain.store.write(`${vif.path}/${key}`, value);
    }
  },
  attach: (ring) => ring.attach(0),
  ringFault: () => undefined,
  async connect(vif) {
    if ((await readNumber(vif, KEY.requestRxCopy, 0)) === 0) throw new RangeError("frontend doesn't support rx-copy");
    await correct.connect(vif);
  },
  takeChain(queue) {
    const chain = correct.takeChain(queue);
    return chain && chain.layout.length > 1 ? { ...chain, fault: chain.fault ?? 'more than it offers' } : chain;
  },
  /** It completes checksums, and sends nothing larger than a buffer. */
  fitting: (_, packet) =>
    fit(packet, { [KEY.featureNoCsumOffload]: true }).filter(({ frame }) => frame.length <= PAGE_SIZE - 2),
  offsetFor: () => 2,
  drainBacklog(vif, queue) {
    // A packet without a buffer waits in the network layer for the next event, and no event is requested.
    const ready = queue.rx.unconsumed();
    if (!ready.ok) return;
    for (const packet of queue.backlog.splice(0, ready.value)) vif.steps.deliver(vif, queue, packet);
  },
};

const mirage: Partial<BackendSteps> = {
  ...walking(removesItself),
  ...mapsPages(0),
  ...givesUp(undefined, { grants: true }),
  ...runtsSwallowed,
  ...pageZeroed,
  maxQueues: () => 1,
  features: () => ({
    [KEY.featureSg]: '1',
    [KEY.featureGsoTcpv4]: '0',
    [KEY.featureRxCopy]: '1',
    'feature-rx-flip': '0',
    [KEY.featureRxNotify]: '1',
    'feature-smart-poll': '0',
  }),
  attach: (ring) => ring.attach(0),
  ringFault: () => undefined,
  refuse: (vif) => vif.domain.store.remove(vif.path),
  waitsForBuffers: () => true,
  fitting: (vif, packet) => fit(packet, { ...vif.offers, [KEY.featureNoCsumOffload]: true }),
};

export const OTHER_PERSONAS: readonly LegalDriver[] = [
  {
    id: 'backend.qemu-7',
    choice: "is QEMU's old xen_nic, which also connects in Initialised and stays in InitWait on invalid keys",
    source: 'philmd/qemu hw/net/xen_nic.c, 50273aa3ed2a; hw/xen/xen-legacy-backend.c, xen_be_check_state, v7.2',
    persona: true,
    backend: { ...qemu, ...walking(waitsForToolstack), refuse: () => Promise.resolve() },
    warns: ['NOTIFY-10', 'XB-18', 'XB-37', 'RING-20', 'RXW-31'],
  },
  {
    id: 'backend.qemu-10',
    choice: "is QEMU's xen_nic on XenDevice, which keeps its rings until the frontend is Closed",
    source: 'qemu/qemu hw/net/xen_nic.c, 06b40d250ecf; hw/xen/xen-bus.c, v10',
    persona: true,
    backend: {
      ...qemu,
      ...walking(connectedAlone, releasesLate),
      refuse: (vif) => vif.steps.setState(vif, STATE.closing),
    },
    warns: ['NOTIFY-10', 'RING-20', 'RXW-31'],
  },
  {
    id: 'backend.mirage',
    choice: 'is MirageOS netback, which removes its directory on close and gives up a vif after an invalid grant',
    source: 'mirage/mirage-net-xen lib/backend.ml, 0ff577d70de0, and lib/xenstore.ml, 18662d1c2ab0',
    persona: true,
    backend: mirage,
    warns: ['XB-13', 'XB-18', 'XB-30', 'TXW-25', 'TXW-28', 'GNT-10', 'RXW-19', 'RING-20', 'RXW-31'],
  },
];
