/** Defects of multicast control, of both reference drivers. */
import { KEY, RSP } from '../../protocol/netif.js';
import { BACKEND_STEPS as correct } from '../backend-steps.js';
import type { Defect } from './defect.js';

export const MULTICAST_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.multicast.value',
    breaks: 'MCAST-01',
    fault: 'advertises multicast control as "yes"',
    backend: { features: () => ({ ...correct.features(), [KEY.featureMulticastControl]: 'yes' }) },
  },
  {
    id: 'backend.multicast.dynamic-alone',
    breaks: 'MCAST-20',
    fault: 'advertises the dynamic feature without the other',
    backend: { features: () => ({ ...correct.features(), [KEY.featureMulticastControl]: '0' }) },
  },
  {
    id: 'backend.multicast.no-filter',
    breaks: 'MCAST-06',
    fault: 'sends every group, whatever was asked',
    backend: { isWanted: () => true },
  },
  {
    id: 'backend.multicast.always-filters',
    breaks: 'MCAST-07',
    fault: 'filters although nobody asked for it',
    backend: {
      isWanted(vif, frame) {
        vif.groups.requested = true;
        return correct.isWanted(vif, frame);
      },
    },
  },
  {
    id: 'backend.multicast.no-add',
    breaks: 'MCAST-09',
    fault: 'forgets what is added',
    backend: {
      changeGroups: (vif, extra) => (extra.type === 'mcast-add' ? true : correct.changeGroups(vif, extra)),
    },
  },
  {
    id: 'backend.multicast.not-dynamic',
    breaks: 'MCAST-05',
    fault: 'does not follow the request after the connection',
    backend: {
      async followMulticast(vif) {
        await correct.followMulticast(vif);
        await vif.groups.watch?.close();
      },
    },
  },
  {
    id: 'backend.multicast.static-follows',
    breaks: 'MCAST-04',
    fault: 'follows the request although it only offers to sample it',
    backend: { features: () => ({ ...correct.features(), [KEY.featureDynamicMulticastControl]: '0' }) },
  },
  {
    id: 'backend.multicast.list-only-on-request',
    breaks: 'MCAST-08',
    fault: 'changes the list only while a filter is asked for',
    backend: {
      changeGroups: (vif, extra) => !vif.groups.requested || correct.changeGroups(vif, extra),
    },
  },
  {
    id: 'backend.multicast.sends-dummy',
    breaks: 'MCAST-10',
    fault: 'sends the dummy on as a packet',
    backend: {
      serveChain(vif, queue, chain) {
        const frame = chain.extras.length > 0 ? vif.steps.fetch(vif, queue, chain) : undefined;
        if (frame) vif.steps.accept(vif, queue, { frame, csumBlank: false });
        correct.serveChain(vif, queue, chain);
      },
    },
  },
  {
    id: 'backend.multicast.one-response',
    breaks: 'MCAST-11',
    fault: 'answers the extra of a dummy OKAY too',
    backend: {
      respond(vif, queue, chain, status) {
        if (!chain.extras.some(({ type }) => type === 'mcast-add')) return correct.respond(vif, queue, chain, status);
        const layout = chain.layout.map(() => false);
        const requests = layout.map((_, n) => chain.requests[n] ?? { ...chain.requests[0], id: 0 });
        correct.respond(vif, queue, { ...chain, layout, requests: requests as typeof chain.requests }, status);
      },
    },
  },
  {
    id: 'backend.multicast.touches-grant',
    breaks: 'MCAST-17',
    fault: 'reads the buffer of a dummy, and refuses a bad one',
    backend: {
      serveChain(vif, queue, chain) {
        const dummy = chain.extras.some(({ type }) => type === 'mcast-add' || type === 'mcast-del');
        if (!dummy || vif.steps.fetch(vif, queue, chain)) correct.serveChain(vif, queue, chain);
        else vif.steps.respond(vif, queue, chain, RSP.error);
      },
    },
  },
  {
    id: 'backend.multicast.full-is-dropped',
    breaks: 'MCAST-12',
    fault: 'answers DROPPED when the list is full',
    backend: {
      respond: (vif, queue, chain, status) =>
        correct.respond(vif, queue, chain, chain.extras.length > 0 && status === RSP.error ? RSP.dropped : status),
    },
  },
  {
    id: 'backend.multicast.filters-broadcast',
    breaks: 'MCAST-13',
    fault: 'takes the broadcast address for a group',
    backend: {
      isWanted: (vif, frame) => correct.isWanted(vif, frame) && !(vif.groups.requested && frame[0] === 0xff),
    },
  },
  {
    id: 'backend.multicast.delete-clears',
    breaks: 'MCAST-14',
    fault: 'drops the whole list when an address is deleted that is not in it',
    backend: {
      changeGroups(vif, extra) {
        if (extra.type === 'mcast-add' || vif.groups.has(extra.address)) return correct.changeGroups(vif, extra);
        const { requested } = vif.groups;
        vif.groups.clear();
        vif.groups.requested = requested;
        return true;
      },
    },
  },
  {
    id: 'backend.multicast.twice-ends-filter',
    breaks: 'MCAST-15',
    fault: 'stops filtering when an address is added twice',
    backend: {
      changeGroups(vif, extra) {
        if (extra.type === 'mcast-add' && vif.groups.has(extra.address)) vif.groups.requested = false;
        return correct.changeGroups(vif, extra);
      },
    },
  },
  {
    id: 'backend.multicast.keeps-list',
    breaks: 'MCAST-16',
    fault: 'keeps the list over a reconnect',
    backend: {
      disconnect(vif) {
        vif.groups.clear = () => {};
        correct.disconnect(vif);
      },
    },
  },
  {
    id: 'backend.multicast.per-queue',
    breaks: 'MCAST-19',
    fault: 'heeds the dummy requests of queue 0 only',
    backend: {
      serveChain(vif, queue, chain) {
        if (queue.index === 0 || chain.extras.length === 0) correct.serveChain(vif, queue, chain);
        else vif.steps.respond(vif, queue, chain, RSP.okay);
      },
    },
  },
];
