/** Defects of the reference frontend, chapter control. */
import { type CtrlResponse, decodeCtrlResponse } from '../../../protocol/ctrl.js';
import { decodeGrefList, encodeGrefList, type NetifGref } from '../../../protocol/gref.js';
import {
  CTRL_STATUS,
  CTRL_TYPE,
  EXTRA_FLAG_MORE,
  EXTRA_TYPE,
  GREF_FLAG,
  ALL_HASH_TYPES,
  KEY,
} from '../../../protocol/netif.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import { STATE } from '../../bus.js';
import type { FrontendVif } from '../../frontend.js';
import type { Defect } from '../defect.js';
import { Counts } from '../support/counts.js';
import { writesLate } from '../support/frontend.js';

/** Bytes of an entry of a list of grants. */
const GREF_BYTES = 8;

/** Sends nothing on a vif after a control response for which `bad` returns true. */
const silentAfter = (
  bad: (response: CtrlResponse, vif: FrontendVif) => boolean,
): Pick<FrontendSteps, 'takeControlResponse' | 'transmit'> => {
  const silent = new WeakSet();
  return {
    takeControlResponse(vif, bytes) {
      const response = decodeCtrlResponse(bytes);
      if (response.ok && bad(response.value, vif)) silent.add(vif);
      correct.takeControlResponse(vif, bytes);
    },
    transmit(vif, queue, packet) {
      if (!silent.has(vif)) correct.transmit(vif, queue, packet);
    },
  };
};

/** Ends the grant of a page once `until` resolves, whether its request has a response or not. */
const lendingUntil = (until: (vif: FrontendVif) => Promise<void>): Pick<FrontendSteps, 'lend'> => ({
  async lend(vif, access, bytes, use) {
    let used: Promise<unknown> | undefined;
    await correct.lend(vif, access, bytes, (ref) => Promise.race([(used = use(ref)), until(vif)]));
    await used;
  },
});

/** Lists the grants of ADD_GREF_MAPPING with other flags. */
const listsWith = (flags: number): Pick<FrontendSteps, 'lend'> => ({
  lend(vif, access, bytes, use) {
    // The only page that a frontend lends for writing is that list.
    const list = access === 'read-write' ? decodeGrefList(bytes, bytes.length / GREF_BYTES) : undefined;
    const changed = list?.ok ? encodeGrefList(list.value.map((entry) => ({ ...entry, flags }))) : bytes;
    return correct.lend(vif, access, changed, use);
  },
});

export const FRONTEND_CONTROL_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.control.half',
    breaks: 'CTRL-02',
    fault: 'omits event-channel-ctrl',
    frontend: {
      openControl(vif) {
        const { [KEY.ctrlRingRef]: ref = '' } = correct.openControl(vif);
        return { [KEY.ctrlRingRef]: ref };
      },
    },
  },
  {
    id: 'frontend.control.late',
    breaks: 'CTRL-03',
    fault: 'writes the keys of its control ring after the backend is Connected',
    frontend: (() => {
      const late = new WeakMap<object, Record<string, string>>();
      return {
        openControl(vif) {
          late.set(vif, correct.openControl(vif));
          return {};
        },
        ...writesLate((vif) => late.get(vif)),
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.control.unasked',
    breaks: 'CTRL-04',
    fault: 'provides a control ring to every backend',
    frontend: { requests: (vif) => ({ ...correct.requests(vif), ...vif.steps.openControl(vif) }) },
  },
  {
    id: 'frontend.control.by-order',
    breaks: 'CTRL-08',
    fault: 'matches control responses to requests by order and ignores their ids',
    frontend: {
      takeControlResponse(vif, bytes) {
        const [oldest] = vif.control?.asked.keys() ?? [];
        const copy = Uint8Array.from(bytes);
        new DataView(copy.buffer).setUint16(0, oldest ?? 0, true);
        correct.takeControlResponse(vif, copy);
      },
    },
  },
  {
    id: 'frontend.control.stray-words',
    breaks: 'CTRL-12',
    fault: 'leaves a stray value in unused words of control requests',
    frontend: { ask: (vif, type, a, b = 0, c = 7) => correct.ask(vif, type, a, b, c) },
  },
  {
    id: 'frontend.control.stray-hash-words',
    breaks: 'HASH-40',
    fault: 'leaves a stray value in a word of GET_HASH_FLAGS',
    frontend: {
      ask: (vif, type, a = 0, b = 0, c = 0) => correct.ask(vif, type, type === CTRL_TYPE.getHashFlags ? 3 : a, b, c),
    },
  },
  {
    id: 'frontend.control.stray-gref-words',
    breaks: 'GREF-06',
    fault: 'leaves a stray value in a word of GET_GREF_MAPPING_SIZE',
    frontend: {
      ask: (vif, type, a = 0, b = 0, c = 0) =>
        correct.ask(vif, type, a, type === CTRL_TYPE.getGrefMappingSize ? 3 : b, c),
    },
  },
  {
    id: 'frontend.control.other-algorithm',
    breaks: 'HASH-43',
    fault: 'passes an algorithm that the header does not define',
    seen: 'win-xenvif before 50957a5: passes the value of NDIS',
    frontend: {
      ask: (vif, type, a = 0, b = 0, c = 0) =>
        correct.ask(vif, type, type === CTRL_TYPE.setHashAlgorithm ? 2 : a, b, c),
    },
  },
  {
    id: 'frontend.control.all-hash-types',
    breaks: 'HASH-43',
    fault: 'sets all hash types, whatever the backend reports',
    frontend: {
      ask: (vif, type, a = 0, b = 0, c = 0) =>
        correct.ask(vif, type, type === CTRL_TYPE.setHashFlags ? ALL_HASH_TYPES : a, b, c),
    },
  },
  {
    id: 'frontend.control.queues-from-one',
    breaks: 'HASH-43',
    fault: 'counts the queues of its hash mapping from 1',
    frontend: {
      lend(vif, access, bytes, use) {
        const isTable = access === 'read-only' && bytes.length === 4 * vif.queues.length;
        return correct.lend(
          vif,
          access,
          isTable ? bytes.map((byte, n) => (n % 4 === 0 ? byte + 1 : byte)) : bytes,
          use,
        );
      },
    },
  },
  {
    id: 'frontend.control.offset-in-octets',
    breaks: 'HASH-43',
    fault: 'sets the second half of its hash mapping at an offset that counts octets',
    frontend: {
      async ask(vif, type, a = 0, b = 0, c = 0) {
        if (type !== CTRL_TYPE.setHashMapping || b < 2) return correct.ask(vif, type, a, b, c);
        const half = b >> 1;
        await correct.ask(vif, type, a, half, 0);
        return correct.ask(vif, type, a, b - half, 4 * half);
      },
    },
  },
  {
    id: 'frontend.control.same-id',
    breaks: 'CTRL-23',
    fault: 'sends GET_GREF_MAPPING_SIZE for all queues with the same id',
    frontend: {
      ask(vif, type, a, b, c) {
        if (vif.control && type === CTRL_TYPE.getGrefMappingSize) vif.control.nextId = 100;
        return correct.ask(vif, type, a, b, c);
      },
    },
  },
  {
    id: 'frontend.control.ends-at-unknown-id',
    breaks: 'CTRL-24',
    fault: 'sends nothing after a control response with an id that it did not send',
    frontend: silentAfter(({ id }, { control }) => !control?.asked.has(id)),
  },
  {
    id: 'frontend.control.no-readonly-flag',
    breaks: 'GREF-38',
    fault: 'lists its tx buffers without the readonly flag',
    frontend: listsWith(0),
  },
  {
    id: 'frontend.control.all-readonly',
    breaks: 'GREF-38',
    fault: 'lists its rx buffers with the readonly flag',
    frontend: listsWith(GREF_FLAG.readonly),
  },
  {
    id: 'frontend.control.readonly-later-queues',
    breaks: 'GREF-38',
    fault: 'lists the rx buffers of all queues but the first with the readonly flag',
    frontend: {
      lend: (vif, access, bytes, use) => {
        const list = decodeGrefList(bytes, bytes.length / GREF_BYTES);
        const later = vif.queues.slice(1).flatMap(({ rxPool }) => rxPool.refs);
        if (access === 'read-only' || !list.ok) return correct.lend(vif, access, bytes, use);
        const flagsOf = ({ ref, flags }: NetifGref): number => (later.includes(ref) ? GREF_FLAG.readonly : flags);
        const entries = list.value.map((entry) => ({ ...entry, flags: flagsOf(entry) }));
        return correct.lend(vif, access, encodeGrefList(entries), use);
      },
    },
  },
  {
    id: 'frontend.control.waits-for-ever',
    breaks: 'CTRL-19',
    fault: 'sends nothing while a control request has no response',
    seen: 'win-xenvif before 07fe431, 4e080f8 and a9e785f',
    frontend: {
      transmit(vif, queue, packet) {
        if (!vif.control?.asked.size) correct.transmit(vif, queue, packet);
      },
    },
  },
  {
    id: 'frontend.control.ends-at-status',
    breaks: 'CTRL-22',
    fault: 'sends nothing after a control response whose status is not SUCCESS or NOT_SUPPORTED',
    frontend: silentAfter(({ status }) => status > CTRL_STATUS.notSupported),
  },
  {
    id: 'frontend.control.ends-at-refused-list',
    breaks: 'CTRL-22',
    fault: 'sends nothing once the backend, which reported a size, refuses its list of grants',
    frontend: silentAfter(({ type, status }) => type === CTRL_TYPE.addGrefMapping && status !== CTRL_STATUS.success),
  },
  {
    id: 'frontend.control.gives-up-soon',
    breaks: 'HASH-15',
    fault: 'ends the grant of a page 2 ms after its request, whether it has a response or not',
    frontend: lendingUntil(({ domain }) => new Promise<void>((resolve) => void domain.clock.after(2, resolve))),
  },
  {
    id: 'frontend.control.ends-at-large-data',
    breaks: 'CTRL-22',
    fault: 'sends nothing once the backend reports room for more grants than it has',
    frontend: silentAfter(({ type, data }) => type === CTRL_TYPE.getGrefMappingSize && data > 1024),
  },
  {
    id: 'frontend.control.ends-at-late-response',
    breaks: 'CTRL-22',
    fault: 'gives up its first control request after two packets, and sends nothing once the response arrives',
    seen: 'win-xenvif since 07fe431 gives up a request after some time',
    frontend: (() => {
      const sent = new Counts();
      const late = silentAfter((_, vif) => sent.of(vif) > 2);
      return {
        ...late,
        transmit(vif, queue, packet) {
          sent.next(vif);
          late.transmit(vif, queue, packet);
        },
        ask(vif, ...request) {
          sent.clear(vif);
          return correct.ask(vif, ...request);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.control.maps-without-room',
    breaks: 'GREF-32',
    fault: 'asks a backend that maps no grants to map some',
    frontend: {
      async ask(vif, type, ...words) {
        const response = await correct.ask(vif, type, ...words);
        const isSize = type === CTRL_TYPE.getGrefMappingSize;
        return response && isSize ? { ...response, status: CTRL_STATUS.success, data: 16 } : response;
      },
    },
  },
  {
    id: 'frontend.control.needs-mapping',
    breaks: 'GREF-32',
    fault: 'sends nothing to a backend that maps no grants',
    frontend: (() => {
      const unmapped = new WeakSet();
      return {
        async mapBuffers(vif, queue) {
          const size = await vif.steps.ask(vif, CTRL_TYPE.getGrefMappingSize, queue.index);
          if (size && (size.status !== CTRL_STATUS.success || size.data === 0)) unmapped.add(vif);
        },
        transmit(vif, queue, packet) {
          if (!unmapped.has(vif)) correct.transmit(vif, queue, packet);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.control.short-loan',
    breaks: 'HASH-15',
    fault: 'ends the grant of a page before the response to its request',
    frontend: lendingUntil(() => Promise.resolve()),
  },
  {
    id: 'frontend.control.ungranted-table',
    breaks: 'HASH-31',
    fault: 'passes a mapping table by a reference that was never granted',
    frontend: {
      lend: (vif, access, bytes, use) =>
        correct.lend(vif, access, bytes, (ref) => use(bytes.length === 4 * vif.queues.length ? ref + 5000 : ref)),
    },
  },
  {
    id: 'frontend.control.drops-hashed',
    breaks: 'HASH-34',
    fault: 'drops packets that carry a hash',
    seen: 'mini-os netfront: crashed on a hash from the backend (qubes-issues 1486)',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        if (queue.expect === 'extra' && bytes[0] === 4) queue.partial.bad = true;
        return correct.takeRxSlot(queue, index, bytes);
      },
    },
  },
  {
    id: 'frontend.control.ends-entries',
    breaks: 'GREF-33',
    fault: 'lists a buffer whose grant has ended',
    frontend: {
      mapBuffers(vif, queue) {
        queue.txPool.take().end();
        return correct.mapBuffers(vif, queue);
      },
    },
  },
  {
    id: 'frontend.control.readonly-list',
    breaks: 'GREF-08',
    fault: 'grants its list read-only',
    frontend: { lend: (vif, _, bytes, use) => correct.lend(vif, 'read-only', bytes, use) },
  },
  {
    id: 'frontend.control.no-event',
    breaks: 'NOTIFY-02',
    fault: 'sends no event for a control request',
    frontend: {
      openControl(vif) {
        const keys = correct.openControl(vif);
        const ring = vif.control?.ring;
        const push = ring?.push.bind(ring);
        if (ring && push) ring.push = () => push() && false;
        return keys;
      },
    },
  },
  {
    id: 'frontend.control.notifies-always',
    breaks: 'NOTIFY-11',
    fault: 'notifies each control request whatever the event index says',
    frontend: {
      ask(vif, type, a, b, c) {
        const response = correct.ask(vif, type, a, b, c);
        if (vif.control) vif.domain.events.notify(vif.control.port);
        return response;
      },
    },
  },
  {
    id: 'frontend.control.one-extra-of-a-type',
    breaks: 'EXTRA-07',
    fault: 'receives nothing on a queue after a packet with two HASH extras',
    frontend: (() => {
      const last = new WeakMap<object, number | undefined>();
      const deaf = new WeakSet();
      return {
        takeRxSlot(queue, index, bytes) {
          const type = queue.expect === 'extra' ? bytes[0] : undefined;
          if (type === EXTRA_TYPE.hash && last.get(queue) === type) deaf.add(queue);
          last.set(queue, type);
          const frame = correct.takeRxSlot(queue, index, bytes);
          return deaf.has(queue) ? undefined : frame;
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.control.reads-extra-flags',
    breaks: 'EXTRA-11',
    fault: 'drops packets with an extra that has undefined flags',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        if (queue.expect === 'extra' && (bytes[1] ?? 0) > EXTRA_FLAG_MORE) queue.partial.bad = true;
        return correct.takeRxSlot(queue, index, bytes);
      },
    },
  },
  {
    id: 'frontend.control.beyond-index',
    breaks: 'EXTRA-10',
    fault: 'reads an extra beyond rsp_prod',
    frontend: {
      takeRx(vif, queue, count) {
        correct.takeRx(vif, queue, count);
        while (queue.expect === 'extra' && queue.posted.size > 0) correct.takeRx(vif, queue, 1);
      },
    },
  },
  {
    id: 'frontend.control.gso-last',
    breaks: 'EXTRA-05',
    fault: 'drops packets in which a HASH extra follows a GSO extra',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const hash = queue.expect === 'extra' && bytes[0] === EXTRA_TYPE.hash;
        if (hash && queue.partial.gso) queue.partial.bad = true;
        return correct.takeRxSlot(queue, index, bytes);
      },
    },
  },
  {
    id: 'frontend.control.gso-first',
    breaks: 'EXTRA-05',
    fault: 'drops packets in which a GSO extra follows another extra',
    frontend: (() => {
      const inside = new WeakSet();
      return {
        takeRxSlot(queue, index, bytes) {
          if (queue.expect !== 'extra') inside.delete(queue);
          else if (bytes[0] === EXTRA_TYPE.gso && inside.has(queue)) queue.partial.bad = true;
          else inside.add(queue);
          return correct.takeRxSlot(queue, index, bytes);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.control.closes-when-answered',
    breaks: 'CTRL-19',
    fault: 'does not close while a control request has no response',
    frontend: {
      async closeWith(vif, state, own) {
        if (vif.control && vif.control.asked.size > 0) return vif.steps.setState(vif, STATE.closing);
        await correct.closeWith(vif, state, own);
      },
    },
  },
];
