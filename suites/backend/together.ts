/** netif.h, "Guest transmit": what is said of one packet holds for no other packet that is published with it. */
import { KEY } from '../../harness/protocol/netif.js';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import type { QueuePacket } from '../../harness/peer/frontend-queue.js';
import type { TxShape } from '../../harness/peer/frontend-tx.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { arrives, sendUntilArrival } from '../support/losses.js';
import { type Kind, MIXED, type Mixed, mixedPacket, piecesOf, TRUE_OF } from '../support/mixed-packets.js';
import { group } from './multicast-verbs.js';
import { saysBlank } from './verbs.js';

const { test, tests } = backendChapter('together');
export const together = tests;

const BRIDGE = { fresh: true, needs: 'bridge' } as const;
const ACCEPTS_LARGE = {
  [KEY.featureGsoTcpv4]: '1',
  [KEY.featureGsoTcpv6]: '1',
  [KEY.featureIpv6CsumOffload]: '1',
};

/** A packet that goes first: its frame and how it is written to the ring. */
interface First {
  readonly name: string;
  readonly make: () => { readonly frame: Uint8Array; readonly shape: TxShape };
}

for (const [name, title, keys] of [
  [
    'passed-on',
    'passes a packet to a frontend that accepts large ones as if no other had been published with it',
    ACCEPTS_LARGE,
  ],
  ['cut', 'passes a packet to a frontend that accepts no large ones as if no other had been published with it', {}],
] as const) {
  test(name, title, BRIDGE, async (t) => {
    const peers = await t.bridged({}, { keys, rxBuffers: 40 });
    const [from, to] = peers;
    const kinds = await passing(t, peers);
    const firsts: First[] = kinds.map((kind) => ({
      name: kind.name,
      make: () => mixedPacket(from.link.peer, to.link.peer, kind),
    }));
    const isFiltered = (await from.otherKey(KEY.featureMulticastControl)) === '1';
    const came: CameThrough[] = [];
    await t.check('RXW-36', async () => {
      for (const first of isFiltered ? [...firsts, dummy(from)] : firsts)
        for (const kind of kinds) came.push(await through(peers, kind, first));
    });
    for (const [requirement, check] of Object.entries(TRUE_OF)) {
      await t.check(requirement, () => came.forEach(({ mixed, pieces }) => check(mixed, pieces)));
    }
  });
}

/** A dummy request that adds a group to the filter list. */
const dummy = (vif: FrontendPeer): First => ({
  name: 'a dummy request',
  make: () => ({
    frame: vif.quietFrame(),
    shape: { extras: [{ type: 'mcast-add', flags: 0, address: group(4) }] },
  }),
});

/** The kinds of packets that come through a bridge when each is alone: a guest may filter out some. */
async function passing(t: BackendTest, peers: readonly [FrontendPeer, FrontendPeer]): Promise<Kind[]> {
  const offers = await peers[0].otherKeys();
  const isOffered = (key: string): boolean =>
    key.startsWith('!') ? (offers[key.slice(1)] ?? '0') === '0' : offers[key] === '1';
  const kinds: Kind[] = [];
  for (const kind of MIXED.filter(({ needs }) => needs.every(isOffered))) {
    if (await arrives(through(peers, kind))) kinds.push(kind);
    else t.info(`${kind.name} does not come through the guest`);
  }
  return kinds.length > 0 ? kinds : t.skip('the guest forwards none of the packets');
}

/** A packet, and the packets as which it came through. */
interface CameThrough {
  readonly mixed: Mixed;
  readonly pieces: readonly (QueuePacket & { readonly isBlank: boolean })[];
}

/** Sends a packet of a kind through a bridge, after another one of the same push; sends both again if it gets lost. */
function through([from, to]: readonly [FrontendPeer, FrontendPeer], kind: Kind, first?: First): Promise<CameThrough> {
  const { tx } = from.queue;
  const name = first ? `${kind.name} after ${first.name}` : kind.name;
  let mixed = mixedPacket(from.link.peer, to.link.peer, kind);
  return sendUntilArrival(
    () => {
      to.received.length = 0;
      mixed = mixedPacket(from.link.peer, to.link.peer, kind);
      const slots = [first?.make(), mixed].flatMap((each) => (each ? tx.enqueue(each.frame, each.shape) : []));
      from.queue.pushTx();
      return from.answered(slots);
    },
    async () => {
      const pieces = await to.until(name, () => piecesOf(mixed, to.received), { on: [to.arrived] });
      return { mixed, pieces: pieces.map((piece) => ({ ...piece, isBlank: saysBlank(piece) })) };
    },
  );
}
