/** Defects of the reference backend, chapter multicast. */
import { KEY, RSP } from '../../../protocol/netif.js';
import { encodeTxResponse } from '../../../protocol/tx.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import { responsesTo } from '../../transmit-steps.js';
import type { Defect } from '../defect.js';
import { diesOf } from '../support/mortal.js';

export const BACKEND_MULTICAST_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.multicast.full-in-silence',
    breaks: 'MCAST-09',
    fault: 'accepts each address and forgets those for which its list has no room',
    backend: {
      changeGroups(vif, extra) {
        correct.changeGroups(vif, extra);
        return true;
      },
    },
  },
  {
    id: 'backend.multicast.value',
    breaks: 'MCAST-01',
    fault: 'advertises feature-multicast-control = "yes"',
    backend: { features: () => ({ ...correct.features(), [KEY.featureMulticastControl]: 'yes' }) },
  },
  {
    id: 'backend.multicast.dynamic-alone',
    breaks: 'MCAST-20',
    fault: 'advertises feature-dynamic-multicast-control without feature-multicast-control',
    backend: { features: () => ({ ...correct.features(), [KEY.featureMulticastControl]: '0' }) },
  },
  {
    id: 'backend.multicast.no-filter',
    breaks: 'MCAST-06',
    fault: 'delivers every multicast packet although the frontend asked for a filter',
    backend: { isWanted: () => true },
  },
  {
    id: 'backend.multicast.always-filters',
    breaks: 'MCAST-07',
    fault: 'filters although the frontend did not ask for it',
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
    fault: 'ignores addresses that are added',
    backend: {
      changeGroups: (vif, extra) => (extra.type === 'mcast-add' ? true : correct.changeGroups(vif, extra)),
    },
  },
  {
    id: 'backend.multicast.not-dynamic',
    breaks: 'MCAST-05',
    fault: 'ignores changes of request-multicast-control after it has connected',
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
    fault: 'follows changes of request-multicast-control without feature-dynamic-multicast-control',
    backend: { features: () => ({ ...correct.features(), [KEY.featureDynamicMulticastControl]: '0' }) },
  },
  {
    id: 'backend.multicast.list-only-on-request',
    breaks: 'MCAST-08',
    fault: 'changes the filter list only while a filter is requested',
    backend: {
      changeGroups: (vif, extra) => !vif.groups.requested || correct.changeGroups(vif, extra),
    },
  },
  {
    id: 'backend.multicast.sends-dummy',
    breaks: 'MCAST-10',
    fault: 'forwards the buffer of a dummy request as a packet',
    backend: {
      serveChain(vif, queue, chain) {
        const isDummy = chain.extras.length > 0 && chain.fault === undefined;
        const frame = isDummy ? vif.steps.fetch(vif, queue, chain) : undefined;
        if (frame) vif.steps.accept(vif, queue, { frame, csumBlank: false });
        correct.serveChain(vif, queue, chain);
      },
    },
  },
  {
    id: 'backend.multicast.okay-for-extra',
    breaks: 'MCAST-11',
    fault: 'also responds to the extra of a dummy request with OKAY',
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
    fault: 'reads the buffer of a dummy request and refuses an invalid reference',
    backend: {
      serveChain(vif, queue, chain) {
        const dummy = chain.extras.some(({ type }) => type === 'mcast-add' || type === 'mcast-del');
        if (!dummy || vif.steps.fetch(vif, queue, chain)) correct.serveChain(vif, queue, chain);
        else vif.steps.respond(vif, queue, chain, RSP.error);
      },
    },
  },
  {
    id: 'backend.multicast.full-is-minus-3',
    breaks: 'MCAST-12',
    fault: 'responds with -3 when the filter list is full',
    backend: {
      respond: (vif, queue, chain, status) =>
        correct.respond(vif, queue, chain, chain.extras.length > 0 && status === RSP.error ? -3 : status),
    },
  },
  {
    id: 'backend.multicast.filters-broadcast',
    breaks: 'MCAST-13',
    fault: 'filters the broadcast address as a multicast group',
    backend: {
      isWanted: (vif, frame) => correct.isWanted(vif, frame) && !(vif.groups.requested && frame[0] === 0xff),
    },
  },
  {
    id: 'backend.multicast.delete-clears',
    breaks: 'MCAST-14',
    fault: 'clears the filter list when an address is deleted that is not in the list',
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
    fault: 'keeps the filter list across a reconnect',
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
    fault: 'ignores dummy requests on all queues but queue 0',
    backend: {
      serveChain(vif, queue, chain) {
        if (queue.index === 0 || chain.extras.length === 0) correct.serveChain(vif, queue, chain);
        else vif.steps.respond(vif, queue, chain, RSP.okay);
      },
    },
  },
  {
    id: 'backend.multicast.dropped',
    breaks: 'MCAST-21',
    fault: 'responds with DROPPED to a dummy request that it acted on',
    backend: {
      respond(vif, queue, chain, status) {
        const isDummy = chain.extras.some(({ type }) => type === 'mcast-add' || type === 'mcast-del');
        correct.respond(vif, queue, chain, isDummy && status === RSP.okay ? RSP.dropped : status);
      },
    },
  },
  {
    id: 'backend.multicast.removal-ignored',
    breaks: 'MCAST-07',
    fault: 'keeps its filter when request-multicast-control is removed',
    backend: {
      async followMulticast(vif) {
        const path = `${vif.frontendPath}/${KEY.requestMulticastControl}`;
        const read = async (): Promise<void> => {
          const value = await vif.domain.store.read(path);
          if (value !== undefined) vif.groups.requested = value === '1';
        };
        await read();
        vif.groups.watch = await vif.domain.store.watch(path, () => void read().catch(vif.onError));
      },
    },
  },
  {
    id: 'backend.multicast.request-kept',
    breaks: 'MCAST-07',
    fault: 'filters on every connection of a frontend that requested it once',
    backend: (() => {
      const [asked, again] = [new WeakSet(), new WeakSet()];
      return {
        async followMulticast(vif) {
          await correct.followMulticast(vif);
          if (asked.has(vif)) again.add(vif);
          if (vif.groups.requested) asked.add(vif);
        },
        isWanted(vif, frame) {
          if (again.has(vif)) vif.groups.requested = true;
          return correct.isWanted(vif, frame);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.multicast.five-changes',
    breaks: 'MCAST-05',
    fault: 'follows only the first five changes of request-multicast-control',
    backend: {
      async followMulticast(vif) {
        await correct.followMulticast(vif);
        await vif.groups.watch?.close();
        const path = `${vif.frontendPath}/${KEY.requestMulticastControl}`;
        // The first event of a watch is no change.
        let left = 6;
        const read = async (): Promise<void> => {
          if (left-- > 0) vif.groups.requested = (await vif.domain.store.read(path)) === '1';
        };
        vif.groups.watch = await vif.domain.store.watch(path, () => void read().catch(vif.onError));
      },
    },
  },
  {
    id: 'backend.multicast.no-ipv6',
    breaks: 'MCAST-09',
    fault: 'adds only groups of IPv4 to the filter list',
    backend: {
      changeGroups: (vif, extra) => extra.address[0] !== 1 || correct.changeGroups(vif, extra),
    },
  },
  {
    id: 'backend.multicast.low-octets',
    breaks: 'MCAST-06',
    fault: 'compares the last four octets of an address with the filter list',
    backend: (() => {
      const lows = new WeakMap<object, Set<string>>();
      const lowOf = (address: Uint8Array): string => address.subarray(2, 6).join();
      return {
        changeGroups(vif, extra) {
          const low = lows.get(vif.groups) ?? new Set();
          lows.set(vif.groups, low);
          if (extra.type === 'mcast-add') low.add(lowOf(extra.address));
          else low.delete(lowOf(extra.address));
          return correct.changeGroups(vif, extra);
        },
        isWanted: (vif, frame) => correct.isWanted(vif, frame) || lows.get(vif.groups)?.has(lowOf(frame)) === true,
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.multicast.deletes-unicast',
    breaks: 'MCAST-13',
    fault: 'drops unicast frames to an address that was deleted from the filter list',
    backend: (() => {
      const deleted = new WeakMap<object, Set<string>>();
      return {
        changeGroups(vif, extra) {
          const gone = deleted.get(vif.groups) ?? new Set();
          deleted.set(vif.groups, gone);
          if (extra.type === 'mcast-del') gone.add(extra.address.join());
          return correct.changeGroups(vif, extra);
        },
        isWanted: (vif, frame) =>
          correct.isWanted(vif, frame) &&
          (((frame[0] ?? 0) & 1) === 1 || deleted.get(vif.groups)?.has(frame.subarray(0, 6).join()) !== true),
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.multicast.room-not-freed',
    breaks: 'MCAST-12',
    fault: 'does not free the place of a deleted address in the filter list',
    backend: (() => {
      const added = new WeakMap<object, number>();
      return {
        changeGroups(vif, extra) {
          if (extra.type === 'mcast-del') return correct.changeGroups(vif, extra);
          const count = (added.get(vif.groups) ?? 0) + 1;
          added.set(vif.groups, count);
          return count <= 64 && correct.changeGroups(vif, extra);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.multicast.toggles',
    breaks: 'MCAST-14',
    fault: 'adds an address again when it is deleted twice',
    backend: {
      changeGroups(vif, extra) {
        if (extra.type === 'mcast-del' && !vif.groups.has(extra.address)) return vif.groups.add(extra.address);
        return correct.changeGroups(vif, extra);
      },
    },
  },
  {
    id: 'backend.multicast.okay-for-second-extra',
    breaks: 'MCAST-11',
    fault: 'responds with OKAY to the second extra of a dummy request',
    backend: {
      respond(vif, queue, chain, status) {
        const isDummy = chain.extras.filter(({ type }) => type === 'mcast-add' || type === 'mcast-del').length > 1;
        for (const [n, response] of responsesTo(chain, status).entries()) {
          queue.tx.put(encodeTxResponse(isDummy && n === 2 ? { ...response, status: RSP.okay } : response));
        }
        vif.steps.push(vif, queue.tx, queue.txPort);
      },
    },
  },
  {
    id: 'backend.multicast.first-extra-only',
    breaks: 'EXTRA-05',
    fault: 'ignores an MCAST_ADD extra that follows a HASH extra',
    backend: {
      serveChain(vif, queue, chain) {
        const [first] = chain.extras;
        if (first?.type !== 'hash') return correct.serveChain(vif, queue, chain);
        correct.serveChain(vif, queue, { ...chain, extras: chain.extras.filter(({ type }) => type !== 'mcast-add') });
      },
    },
  },
  {
    id: 'backend.multicast.dies-of-fragments',
    breaks: 'ROB-01',
    fault: 'stops serving every vif at a dummy request with more_data',
    backend: diesOf(
      ({ extras, requests }) =>
        requests.length > 1 && extras.some(({ type }) => type === 'mcast-add' || type === 'mcast-del'),
    ),
  },
  {
    id: 'backend.multicast.deletes-on-queue-0',
    breaks: 'MCAST-19',
    fault: 'deletes addresses only on queue 0',
    backend: {
      serveChain(vif, queue, chain) {
        const isDeletion = chain.extras.some(({ type }) => type === 'mcast-del');
        if (queue.index > 0 && isDeletion) return vif.steps.respond(vif, queue, chain, RSP.okay);
        correct.serveChain(vif, queue, chain);
      },
    },
  },
  {
    id: 'backend.multicast.withdrawal-clears',
    breaks: 'MCAST-09',
    fault: 'empties the list when the frontend withdraws its request',
    backend: {
      isWanted(vif, frame) {
        if (!vif.groups.requested) vif.groups.clear();
        return correct.isWanted(vif, frame);
      },
    },
  },
];
