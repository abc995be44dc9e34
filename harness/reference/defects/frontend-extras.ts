/** Defects of the reference frontend: large packets, multicast control, the control ring and the staging grants. */
import { encodeExtra, type ExtraGso } from '../../protocol/extra.js';
import { CTRL_STATUS, CTRL_TYPE, GSO_TYPE, KEY, RXF, TXF } from '../../protocol/netif.js';
import { decodeRxResponse } from '../../protocol/rx.js';
import type { FrontendVif } from '../frontend.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../frontend-steps.js';
import type { Defect } from './defect.js';
import { mortality } from './mortal.js';

/** What the frontend makes of the GSO extras that it sends. */
const tells = (change: (extra: ExtraGso) => Partial<ExtraGso>): Partial<FrontendSteps> => ({
  putGso(queue, { size, type }) {
    const extra: ExtraGso = { type: 'gso', flags: 0, size, gsoType: type, pad: 0, features: 0 };
    queue.tx.put(encodeExtra({ ...extra, ...change(extra) }));
  },
});

/** Writes keys when the backend is Connected, where they belong before. */
const writesLate = (
  keysOf: (vif: FrontendVif) => Readonly<Record<string, string>> | undefined,
): Pick<FrontendSteps, 'backendChanged'> => ({
  async backendChanged(vif) {
    await correct.backendChanged(vif);
    const keys = vif.seen === '4' ? keysOf(vif) : undefined;
    for (const [key, value] of Object.entries(keys ?? {})) await vif.domain.store.write(`${vif.path}/${key}`, value);
  },
});

export const FRONTEND_EXTRAS_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.gso.to-everybody',
    breaks: 'GSO-01',
    fault: 'sends large packets to backends that take none',
    frontend: { fitting: (_, packet) => [packet] },
  },
  {
    id: 'frontend.gso.both-or-none',
    breaks: 'GSO-02',
    fault: 'sends nothing to a backend that takes large packets of one IP version only',
    frontend: {
      fitting: (vif, packet) =>
        vif.offers[KEY.featureGsoTcpv4] === vif.offers[KEY.featureGsoTcpv6] ? correct.fitting(vif, packet) : [],
    },
  },
  {
    id: 'frontend.gso.no-extra',
    breaks: 'GSO-03',
    fault: 'sends large packets without a word',
    frontend: {
      fitting: (vif, packet) => correct.fitting(vif, packet).map((each) => ({ ...each, gso: undefined })),
    },
  },
  {
    id: 'frontend.gso.size-of-frame',
    breaks: 'GSO-04',
    fault: 'tells the size of a segment with its headers',
    frontend: tells(({ size }) => ({ size: size + 54 })),
  },
  {
    id: 'frontend.gso.always-v4',
    breaks: 'GSO-05',
    fault: 'tells IPv4 of every large packet',
    frontend: tells(() => ({ gsoType: GSO_TYPE.tcpv4 })),
  },
  {
    id: 'frontend.gso.half-size',
    breaks: 'GSO-06',
    fault: 'drops packets of more than 32 KiB',
    frontend: {
      accept(vif, queue, packet) {
        if (packet.frame.length < 0x8000) correct.accept(vif, queue, packet);
      },
    },
  },
  {
    id: 'frontend.gso.not-blank',
    breaks: 'GSO-08',
    fault: 'sends large packets without csum_blank',
    frontend: {
      putTx(queue, request, offer) {
        const large = (request.flags & TXF.extraInfo) !== 0;
        correct.putTx(queue, { ...request, flags: large ? request.flags & ~TXF.csumBlank : request.flags }, offer);
      },
    },
  },
  {
    id: 'frontend.gso.features',
    breaks: 'GSO-09',
    fault: 'leaves something in the features of the extra',
    frontend: tells(() => ({ features: 0x8000 })),
  },
  {
    id: 'frontend.gso.ecn',
    breaks: 'GSO-14',
    fault: 'tells of ECN in the features of the extra',
    frontend: tells(() => ({ features: 1 })),
  },
  {
    id: 'frontend.gso.dies-of-prefix',
    breaks: 'GSO-11',
    fault: 'stops every vif when it meets the deprecated flag',
    frontend: (() => {
      const { die, serves } = mortality();
      return {
        takeRxSlot(queue, index, bytes) {
          const response = decodeRxResponse(bytes);
          if (response.ok && (response.value.flags & RXF.gsoPrefix) !== 0) die();
          return correct.takeRxSlot(queue, index, bytes);
        },
        serve: (vif, queue) => (serves(vif) ? correct.serve(vif, queue) : undefined),
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.gso.without-sg',
    breaks: 'GSO-12',
    fault: 'takes GSO without scatter-gather',
    frontend: { features: () => ({ ...correct.features(), [KEY.featureSg]: '0' }) },
  },
  {
    id: 'frontend.gso.uncut',
    breaks: 'GSO-13',
    fault: 'cuts large packets into two halves',
    frontend: {
      fitting: (vif, packet) => {
        const gso = packet.gso && { ...packet.gso, size: packet.frame.length >> 1 };
        return correct.fitting(vif, { ...packet, gso });
      },
    },
  },
  {
    id: 'frontend.multicast.unasked',
    breaks: 'MCAST-18',
    fault: 'sends multicast extras to every backend',
    frontend: {
      start(vif) {
        correct.start(vif);
        for (const group of vif.stack.groups) vif.steps.addGroup(vif, group);
      },
    },
  },
  {
    id: 'frontend.multicast.value',
    breaks: 'MCAST-02',
    fault: 'asks for multicast control by "true"',
    frontend: { requests: () => ({ [KEY.requestMulticastControl]: 'true' }) },
  },
  {
    id: 'frontend.multicast.late',
    breaks: 'MCAST-03',
    fault: 'asks for multicast control once it is connected',
    seen: 'win-xenvif before cb424a5',
    frontend: {
      requests: () => ({}),
      ...writesLate(() => ({ [KEY.requestMulticastControl]: '1' })),
    },
  },
  {
    id: 'frontend.control.half',
    breaks: 'CTRL-02',
    fault: 'leaves out the event channel of the control ring',
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
    fault: 'tells of its control ring once it is connected',
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
    fault: 'takes responses in the order of its requests, whatever their ids',
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
    fault: 'leaves something in words that have no meaning',
    frontend: { ask: (vif, type, a, b = 0, c = 7) => correct.ask(vif, type, a, b, c) },
  },
  {
    id: 'frontend.control.stray-hash-words',
    breaks: 'HASH-40',
    fault: 'leaves something in the words of GET_HASH_FLAGS',
    frontend: {
      ask: (vif, type, a = 0, b = 0, c = 0) => correct.ask(vif, type, type === CTRL_TYPE.getHashFlags ? 3 : a, b, c),
    },
  },
  {
    id: 'frontend.control.stray-gref-words',
    breaks: 'GREF-06',
    fault: 'leaves something in the words of GET_GREF_MAPPING_SIZE',
    frontend: {
      ask: (vif, type, a = 0, b = 0, c = 0) =>
        correct.ask(vif, type, a, type === CTRL_TYPE.getGrefMappingSize ? 3 : b, c),
    },
  },
  {
    id: 'frontend.control.waits-for-ever',
    breaks: 'CTRL-19',
    fault: 'sends nothing before its control requests are answered',
    seen: 'win-xenvif before 07fe431, 4e080f8 and a9e785f',
    frontend: {
      transmit(vif, queue, packet) {
        if (!vif.control?.asked.size) correct.transmit(vif, queue, packet);
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
    fault: 'ends the grant of a page at once',
    frontend: {
      async lend(vif, access, bytes, use) {
        const offer = vif.domain.grants.offer(vif.backend, access);
        offer.page.copyIn(0, bytes);
        const used = use(offer.ref);
        offer.end();
        await used;
      },
    },
  },
  {
    id: 'frontend.control.short-loan-of-table',
    breaks: 'HASH-31',
    fault: 'lends the mapping table from a page that it never granted',
    frontend: {
      lend: (vif, access, bytes, use) =>
        correct.lend(vif, access, bytes, (ref) => use(bytes.length === 4 * vif.queues.length ? ref + 5000 : ref)),
    },
  },
  {
    id: 'frontend.control.dies-of-hash',
    breaks: 'HASH-34',
    fault: 'drops packets that come with a hash',
    seen: 'mini-os netfront: a hash of the backend took it down (qubes-issues 1486)',
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
    fault: 'lists buffers whose grants have ended',
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
    id: 'frontend.staging.unasked',
    breaks: 'STAG-02',
    fault: 'offers pools to every backend',
    frontend: {
      queueKeys: (queue) => ({ ...correct.queueKeys(queue), [KEY.txPoolRef]: '8', [KEY.txPoolSize]: '1' }),
    },
  },
  {
    id: 'frontend.staging.dead-without',
    breaks: 'STAG-17',
    fault: 'sends nothing to a backend without staging grants',
    frontend: {
      transmit(vif, queue, packet) {
        if (vif.offers[KEY.featureStagingGrants] || packet.frame.length < 100) correct.transmit(vif, queue, packet);
      },
    },
  },
  {
    id: 'frontend.staging.tx-alone',
    breaks: 'STAG-03',
    fault: 'offers a tx pool alone',
    frontend: {
      poolKeys(vif, queue) {
        const keys = correct.poolKeys(vif, queue);
        return { [KEY.txPoolRef]: keys[KEY.txPoolRef] ?? '', [KEY.txPoolSize]: keys[KEY.txPoolSize] ?? '' };
      },
    },
  },
  {
    id: 'frontend.staging.late',
    breaks: 'STAG-16',
    fault: 'offers its pools once it is connected',
    frontend: (() => {
      const late = new WeakMap<object, Record<string, string>>();
      return {
        poolKeys(vif, queue) {
          const at = vif.queues.length > 1 ? `queue-${queue.index}/` : '';
          const keys = Object.entries(correct.poolKeys(vif, queue)).map(
            ([key, value]) => [`${at}${key}`, value] as const,
          );
          late.set(vif, { ...late.get(vif), ...Object.fromEntries(keys) });
          return {};
        },
        ...writesLate((vif) => late.get(vif)),
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.staging.size',
    breaks: 'STAG-05',
    fault: 'tells a size of more entries than a page has',
    frontend: { poolKeys: (vif, queue) => ({ ...correct.poolKeys(vif, queue), [KEY.rxPoolSize]: '1024' }) },
  },
  {
    id: 'frontend.staging.one-table',
    breaks: 'STAG-08',
    fault: 'has one table for both pools',
    frontend: {
      poolKeys(vif, queue) {
        const keys = correct.poolKeys(vif, queue);
        return { ...keys, [KEY.rxPoolRef]: keys[KEY.txPoolRef] ?? '' };
      },
    },
  },
  {
    id: 'frontend.staging.ring-for-table',
    breaks: 'STAG-04',
    fault: "names the tx ring where the table's page belongs",
    frontend: {
      poolKeys: (vif, queue) => ({ ...correct.poolKeys(vif, queue), [KEY.txPoolRef]: String(queue.rings[0]?.ref) }),
    },
  },
  {
    id: 'frontend.staging.short-entries',
    breaks: 'STAG-07',
    fault: 'writes entries of four bytes',
    frontend: {
      poolTable(vif, queue, pool, flags) {
        const ref = correct.poolTable(vif, queue, pool, flags);
        const table = queue.tables.at(-1);
        table?.page.copyIn(0, new Uint8Array(new Uint32Array(pool.refs.flatMap((each) => [each, each])).buffer));
        table?.page.copyIn(8, new Uint8Array(new Uint32Array(pool.refs.map((each) => each + 9000)).buffer));
        return ref;
      },
    },
  },
  {
    id: 'frontend.staging.no-flag',
    breaks: 'STAG-09',
    fault: 'leaves the readonly flag out',
    frontend: { poolTable: (vif, queue, pool) => correct.poolTable(vif, queue, pool, 0) },
  },
];
