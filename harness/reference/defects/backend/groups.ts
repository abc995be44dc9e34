/** Defects of the reference backend, chapter groups. */
import { MAC_LENGTH } from '../../../packet/address.js';
import { KEY } from '../../../protocol/netif.js';
import type { BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { readOther } from '../../bus.js';
import type { Defect } from '../defect.js';

const ETHER_TYPE_AT = 12;
const TAG = [0x81, 0x00];

/** Reads the request for a filter before InitWait, and no more after it. */
function sampledEarly(): Partial<BackendSteps> {
  const early = new WeakMap<BackendVif, boolean>();
  return {
    features: () => ({ ...correct.features(), [KEY.featureDynamicMulticastControl]: '0' }),
    async advertise(vif) {
      const path = `${vif.frontendPath}/${KEY.requestMulticastControl}`;
      early.set(vif, (await readOther(vif.domain.store, path)) === '1');
      await correct.advertise(vif);
    },
    followMulticast(vif) {
      vif.groups.requested = early.get(vif) ?? false;
      return Promise.resolve();
    },
  };
}

export const BACKEND_GROUPS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.groups.first-queue-alone',
    breaks: 'MCAST-19',
    fault: 'filters what it delivers on queue 0 only',
    backend: {
      send(vif, usual, packet) {
        const queue = vif.steps.queueFor(vif, packet.frame) ?? usual;
        if (!queue || queue.index === 0) return correct.send(vif, usual, packet);
        queue.backlog.push(...vif.steps.fitting(vif, packet));
        vif.steps.drainBacklog(vif, queue);
      },
    },
  },
  {
    id: 'backend.groups.listed-for-first-queue',
    breaks: 'MCAST-09',
    fault: 'delivers the groups of its list on queue 0 only',
    backend: {
      send(vif, usual, packet) {
        const queue = vif.steps.queueFor(vif, packet.frame) ?? usual;
        const isListed = vif.groups.requested && vif.groups.has(packet.frame.subarray(0, MAC_LENGTH));
        if (!isListed || queue?.index === 0) correct.send(vif, usual, packet);
      },
    },
  },
  {
    id: 'backend.groups.tagged-pass',
    breaks: 'MCAST-06',
    fault: 'does not filter frames with a VLAN tag',
    backend: {
      isWanted: (vif, frame) =>
        TAG.every((octet, n) => frame[ETHER_TYPE_AT + n] === octet) || correct.isWanted(vif, frame),
    },
  },
  {
    id: 'backend.groups.filters-both-ways',
    breaks: 'MCAST-06',
    fault: 'also filters what the frontend sends by its list',
    backend: {
      accept(vif, queue, packet) {
        if (!vif.bridgedTo || vif.steps.isWanted(vif, packet.frame)) correct.accept(vif, queue, packet);
      },
    },
  },
  {
    id: 'backend.groups.sampled-early',
    breaks: 'MCAST-04',
    fault: 'has no dynamic control and reads the request for a filter before it goes to InitWait',
    backend: sampledEarly(),
  },
];
