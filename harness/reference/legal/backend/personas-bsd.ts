/** The backends of the BSDs, with all their choices and without their known bugs. */
import { KEY, RSP, RXF } from '../../../protocol/netif.js';
import { BACKEND_STEPS as correct, readNumber, type BackendSteps } from '../../backend-steps.js';
import { responsesTo } from '../../transmit-steps.js';
import type { LegalDriver } from '../legal.js';
import { every } from '../support/backend-queues.js';
import { leftBlank } from '../support/backend-receive.js';
import { refusesPartial } from '../support/backend-refusals.js';
import { atEndOfBatch, put, respondOneByOne, runtsSwallowed } from '../support/backend-transmit.js';
import { connectedAlone, connectsOnce, reconfiguringFatal, releasesLate, walking } from '../support/backend-walks.js';

/** Features that a backend lacks if it connects a device only once. */
const CONNECTS_ONCE = ['XB-13', 'XB-30'];

const freebsd: Partial<BackendSteps> = {
  ...walking(connectsOnce, reconfiguringFatal),
  ...atEndOfBatch(),
  ...runtsSwallowed,
  // It completes no checksum of its own stack.
  ...leftBlank,
  maxQueues: () => 1,
  features: () => ({
    [KEY.featureSg]: '1',
    [KEY.featureGsoTcpv4]: '0',
    [KEY.featureRxCopy]: '1',
    'feature-rx-flip': '0',
  }),
  attach: (ring) => ring.attach(0),
  ringFault: () => undefined,
  takeChain(queue) {
    const chain = runtsSwallowed.takeChain(queue);
    if (!chain) return undefined;
    // The ring is its only limit, and GSO is the only extra info that it supports.
    const fault = chain.fault?.endsWith(' slots') ? undefined : chain.fault;
    return { ...chain, fault: chain.extras.some(({ type }) => type !== 'gso') ? 'unknown extra info' : fault };
  },
  async advertise(vif) {
    await vif.domain.store.write(`${vif.path}/${KEY.hotplugStatus}`, 'connected');
    await correct.advertise(vif);
  },
  waitsForBuffers: () => true,
};

const netbsd: Partial<BackendSteps> = {
  ...walking(connectedAlone, connectsOnce, releasesLate),
  ...refusesPartial(),
  maxQueues: () => 1,
  features: () => ({
    vifname: 'xvif1i0',
    [KEY.featureRxCopy]: '1',
    [KEY.featureIpv6CsumOffload]: '1',
    [KEY.featureSg]: '1',
  }),
  attach: (ring) => ring.attach(0),
  ringFault: () => undefined,
  async connect(vif) {
    if ((await readNumber(vif, KEY.requestRxCopy, 0)) === 0) throw new RangeError('request-rx-copy is not supported');
    await correct.connect(vif);
  },
  /** A key that it can't read is an error; if it can't map a grant, it stays in InitWait without an error node. */
  async refuse(vif, reason) {
    if (!reason.endsWith('EINVAL')) await correct.refuse(vif, reason);
  },
  respond(vif, queue, chain, status) {
    // It drops packets with too many or too long fragments, and responds ERROR to everything else that it refuses.
    const dropped = chain.fault !== undefined && /fragments|slots/.test(chain.fault);
    for (const response of responsesTo(chain, dropped ? RSP.dropped : status)) put(vif, queue, [response]);
  },
  openQueue(vif, ...rest) {
    const queue = correct.openQueue(vif, ...rest);
    // Covered by the watchdog of its interface: the frontend is not expected to notify for rx requests.
    every(vif, queue, 1000, () => vif.steps.drainBacklog(vif, queue));
    return queue;
  },
  waitsForBuffers: () => true,
  /** It leaves the last buffer unused. */
  buffersFor: (vif, packet) => correct.buffersFor(vif, packet) + 1,
  checksumFlags: ({ csumBlank }) => (csumBlank ? RXF.csumBlank : 0),
  drainBacklog(vif, queue) {
    const { reqEvent } = queue.rx.indices();
    const ready = queue.rx.unconsumed();
    const [packet] = queue.backlog;
    // It drops a packet that needs more buffers than are posted; without any buffer, the packet waits.
    if (packet && ready.ok && ready.value > 1 && ready.value < vif.steps.buffersFor(vif, packet)) queue.backlog.shift();
    correct.drainBacklog(vif, queue);
    queue.rx.setReqEvent(reqEvent);
  },
};

const netbsd2011: Partial<BackendSteps> = {
  ...netbsd,
  features: () => ({ [KEY.featureRxCopy]: '1', 'feature-rx-flip': '1' }),
  takeChain(queue) {
    const chain = correct.takeChain(queue);
    const [first] = chain?.requests ?? [];
    if (!chain || !first) return undefined;
    const fault = chain.layout.length > 1 ? 'more than it offers' : first.size > 1514 ? 'packet too big' : undefined;
    return { ...chain, fault: chain.fault ?? fault };
  },
  respond: respondOneByOne,
  buffersFor: (vif, packet) => correct.buffersFor(vif, packet),
};

export const BSD_PERSONAS: readonly LegalDriver[] = [
  {
    id: 'backend.freebsd',
    choice: 'is FreeBSD xnb',
    source: 'freebsd/freebsd-src sys/dev/xen/netback/netback.c, 00a82464f219',
    persona: true,
    backend: freebsd,
    warns: [...CONNECTS_ONCE, 'XB-05', 'TXW-25', 'RING-20', 'RXW-31'],
  },
  {
    id: 'backend.netbsd',
    choice: 'is NetBSD xvif of 2023',
    source: 'NetBSD sys/arch/xen/xen/xennetback_xenbus.c 1.125; mirror rokuyama/netbsd-src, 847e0d3052ff',
    persona: true,
    backend: netbsd,
    warns: [...CONNECTS_ONCE, 'XB-18', 'RING-20', 'CSUM-09', 'RXW-31'],
  },
  {
    id: 'backend.netbsd-2011',
    choice: 'is NetBSD xvif of 2011, which accepts only packets of one slot',
    source: 'NetBSD/src sys/arch/xen/xen/xennetback_xenbus.c 1.35, 0086450b724e',
    persona: true,
    backend: netbsd2011,
    warns: [...CONNECTS_ONCE, 'XB-18', 'RING-20', 'CSUM-09', 'TXW-36'],
  },
];
