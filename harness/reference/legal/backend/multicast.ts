/** Choices that netif.h leaves for multicast control. */
import { sameBytes } from '../../../bytes/bytes.js';
import { BROADCAST_MAC, isGroupMac, MAC_LENGTH } from '../../../packet/address.js';
import { KEY, RSP } from '../../../protocol/netif.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { MulticastList } from '../../multicast.js';
import type { LegalDriver } from '../legal.js';
import { without } from '../support/backend-features.js';

export const MULTICAST: readonly LegalDriver[] = [
  {
    id: 'backend.no-multicast-control',
    choice: 'has no multicast control',
    source: 'netif.h, "feature-multicast-control" is optional',
    backend: without(KEY.featureMulticastControl, KEY.featureDynamicMulticastControl),
  },
  {
    id: 'backend.multicast-static',
    choice: 'reads the request for a filter when the frontend connects',
    source: 'netif.h, "feature-multicast-control": sampled on this state transition',
    backend: {
      features: without(KEY.featureDynamicMulticastControl).features,
      async followMulticast(vif) {
        await correct.followMulticast(vif);
        await vif.groups.watch?.close();
      },
    },
  },
  {
    id: 'backend.multicast-unfiltered',
    choice: 'accepts lists of groups and filters nothing',
    source: 'netif.h, "feature-multicast-control": it should instead drop any multicast packet that does not match',
    backend: { isWanted: () => true },
    warns: ['MCAST-06'],
  },
  {
    id: 'backend.multicast-broadcast-filtered',
    choice: 'treats broadcast as a group, which must be in the list',
    source:
      'netif.h, "feature-multicast-control": any multicast packet; IEEE 802 counts the broadcast address as a group address',
    backend: {
      isWanted(vif, frame) {
        const destination = frame.subarray(0, MAC_LENGTH);
        return !vif.groups.requested || !isGroupMac(destination) || vif.groups.has(destination);
      },
    },
    warns: ['MCAST-13'],
  },
  {
    id: 'backend.multicast-dummy-checked',
    choice: 'responds ERROR to a dummy request with an invalid grant, and leaves the list unchanged',
    source: 'netif.h does not describe the slots of a dummy request',
    backend: {
      serveChain(vif, queue, chain) {
        const isMulticast = chain.extras.some(({ type }) => type === 'mcast-add' || type === 'mcast-del');
        const isGood = (): boolean => chain.fault === undefined && vif.steps.fetch(vif, queue, chain) !== undefined;
        if (isMulticast && !isGood()) return vif.steps.respond(vif, queue, chain, RSP.error);
        correct.serveChain(vif, queue, chain);
      },
    },
    warns: ['MCAST-17'],
  },
  {
    id: 'backend.multicast-address-fatal',
    choice: 'gives up a vif whose dummy request names an address that is no multicast group',
    source: 'netif.h, XEN_NETIF_EXTRA_TYPE_MCAST_ADD: address to add to the multicast filter list',
    backend: (() => {
      const given = new WeakSet<object>();
      return {
        serveChain(vif, queue, chain) {
          const isWrong = chain.extras.some(
            (extra) =>
              (extra.type === 'mcast-add' || extra.type === 'mcast-del') &&
              (!isGroupMac(extra.address) || sameBytes(extra.address, BROADCAST_MAC)),
          );
          if (isWrong) given.add(vif);
          if (!given.has(vif)) correct.serveChain(vif, queue, chain);
        },
      } satisfies Partial<BackendSteps>;
    })(),
  },
  {
    id: 'backend.multicast-dummy-dropped',
    choice: 'responds DROPPED to a dummy request that it has handled, since nothing was sent',
    source: 'netif.h gives the dummy request no status',
    backend: {
      respond(vif, queue, chain, status) {
        const isMulticast = chain.extras.some(({ type }) => type === 'mcast-add' || type === 'mcast-del');
        correct.respond(vif, queue, chain, isMulticast && status === RSP.okay ? RSP.dropped : status);
      },
    },
    warns: ['MCAST-21'],
  },
  {
    id: 'backend.multicast-list-of-4',
    choice: 'keeps 4 groups',
    source: 'netif.h sets no minimum size of the list',
    backend: (() => {
      const counts = new WeakMap<MulticastList, Set<string>>();
      return {
        changeGroups(vif, change) {
          const known = counts.get(vif.groups) ?? new Set();
          counts.set(vif.groups, known);
          const key = change.address.join();
          if (change.type === 'mcast-add' && !known.has(key) && known.size >= 4) return false;
          if (change.type === 'mcast-add') known.add(key);
          else known.delete(key);
          return correct.changeGroups(vif, change);
        },
        disconnect(vif) {
          counts.delete(vif.groups);
          correct.disconnect(vif);
        },
      } satisfies Partial<BackendSteps>;
    })(),
  },
  {
    id: 'backend.multicast-counted',
    choice: 'keeps a group that was added twice until it is deleted twice',
    source: 'Linux drivers/net/xen-netback/interface.c, xenvif_mcast_add appends without a check for duplicates, v6.1',
    backend: (() => {
      const counts = new WeakMap<MulticastList, Map<string, number>>();
      return {
        changeGroups(vif, change) {
          const known = counts.get(vif.groups) ?? new Map<string, number>();
          counts.set(vif.groups, known);
          const key = change.address.join();
          const count = (known.get(key) ?? 0) + (change.type === 'mcast-add' ? 1 : -1);
          known.set(key, Math.max(0, count));
          return change.type === 'mcast-del' && count > 0 ? true : correct.changeGroups(vif, change);
        },
        disconnect(vif) {
          counts.delete(vif.groups);
          correct.disconnect(vif);
        },
      } satisfies Partial<BackendSteps>;
    })(),
  },
  {
    id: 'backend.multicast-list-kept',
    choice: 'keeps its list of groups across a reconnect',
    source: 'netif.h is silent on the lifetime of the list',
    backend: (() => {
      const lists = new WeakMap<object, Set<string>>();
      const listOf = (vif: object): Set<string> => lists.get(vif) ?? lists.set(vif, new Set()).get(vif) ?? new Set();
      return {
        changeGroups(vif, change) {
          const done = correct.changeGroups(vif, change);
          const key = change.address.join();
          if (change.type === 'mcast-del') listOf(vif).delete(key);
          else if (done) listOf(vif).add(key);
          return done;
        },
        async connect(vif) {
          await correct.connect(vif);
          for (const group of listOf(vif)) vif.groups.add(Uint8Array.from(group.split(',').map(Number)));
        },
      } satisfies Partial<BackendSteps>;
    })(),
    warns: ['MCAST-16'],
  },
];
