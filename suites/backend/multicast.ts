/** netif.h, "feature-multicast-control" and "feature-dynamic-multicast-control". */
import { expect } from 'chai';
import { BROADCAST_MAC, formatMac } from '../../harness/packet/address.js';
import { sameBytes } from '../../harness/bytes/bytes.js';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import { EXTRA_FLAG_MORE, KEY, RSP } from '../../harness/protocol/netif.js';
import { backendChapter } from '../../harness/run/suite.js';
import { all } from '../../harness/xen/wait.js';
import { arrives } from '../support/losses.js';
import { expectRsp, statusList } from '../support/statuses.js';
import { delivered, filtering, forwardsGroups, group, lists, REQUESTED, requested } from './multicast-verbs.js';
import { queuesOffered, reconnect } from './connection-verbs.js';
import {
  continues,
  givenUp,
  REFUSALS,
  statuses,
  statusesAtLast,
  statusesOrSilence,
  stillPasses,
  survivesElsewhere,
} from './refusal-verbs.js';
import { BAD_REF, setToeplitz, through } from './verbs.js';

const { test, tests } = backendChapter('multicast');
export const multicast = tests;

const CONTROL = { gate: KEY.featureMulticastControl } as const;
const BRIDGE = { ...CONTROL, fresh: true, needs: 'bridge' } as const;
const DYNAMIC = { ...BRIDGE, gate: [KEY.featureMulticastControl, KEY.featureDynamicMulticastControl] } as const;
const STATIC = { ...BRIDGE, gate: [KEY.featureMulticastControl, `!${KEY.featureDynamicMulticastControl}`] } as const;

const [A, B, C] = [group(1), group(2), group(3)];
/** Groups of IPv6, whose last four octets may be those of a group of IPv4. */
const group6 = (...last: number[]): Uint8Array => Uint8Array.of(0x33, 0x33, ...last);
const [A6, B6] = [group6(0x5e, 0x7f, 0x6e, 1), group6(0xff, 0x7f, 0x6e, 2)];
/** What the tests observe of the frames that they send into a bridge. */
const GROUPS = 'addresses whose frames arrive';
/** More addresses than any list is known to hold. */
const MANY = 256;

test('features', 'writes its features as 0 or 1, and the dynamic one only with the other', async (t) => {
  const vif = await t.connect();
  const control = await vif.otherKey(KEY.featureMulticastControl);
  const dynamic = await vif.otherKey(KEY.featureDynamicMulticastControl);
  await t.check('MCAST-01', () => {
    expect(control, KEY.featureMulticastControl).to.be.oneOf([undefined, '0', '1']);
    expect(dynamic, KEY.featureDynamicMulticastControl).to.be.oneOf([undefined, '0', '1']);
  });
  await t.check('MCAST-20', () => {
    if (dynamic === '1') expect(control, KEY.featureMulticastControl).to.equal('1');
  });
});

test('filter', 'filters multicast by the list when the frontend requested it', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, REQUESTED);
  await forwardsGroups(t, from, to);
  await to.changeGroups('mcast-add', A);
  const seen = await delivered(from, to, [A, B]);
  await t.check('MCAST-09', () => expect(seen, GROUPS).to.include(formatMac(A)));
  await t.check('MCAST-06', () => expect(seen, GROUPS).not.to.include(formatMac(B)));
});

test('delete', 'no longer forwards a group that was removed from the list', BRIDGE, async (t) => {
  const [from, to] = await filtering(t);
  await lists(t, to, [A, B]);
  await to.changeGroups('mcast-del', A);
  await t.check('MCAST-09', async () =>
    expect(await delivered(from, to, [A, B]), GROUPS).to.deep.equal([formatMac(B)]),
  );
});

test('ipv6-groups', 'filters groups of IPv4 and of IPv6 by one list', BRIDGE, async (t) => {
  const [from, to] = await filtering(t);
  await lists(t, to, [A, A6]);
  const seen = await delivered(from, to, [A, B, A6, B6]);
  await t.check('MCAST-09', () => expect(seen, GROUPS).to.include.members([A, A6].map(formatMac)));
  await t.check('MCAST-06', () => expect(seen, GROUPS).not.to.include.members([B, B6].map(formatMac)));
});

test('exact', 'compares every octet of an address with the list', BRIDGE, async (t) => {
  const [from, to] = await filtering(t);
  await lists(t, to, [A]);
  // In the first octet the bit of groups stays set.
  const others = [...A.keys()].map((at) => A.map((octet, n) => (n === at ? octet ^ 2 : octet)));
  // The exclusive or of all octets stays the same.
  others.push(...[...A.keys()].slice(1).map((at) => A.map((octet, n) => (n === at || n === 0 ? octet ^ 2 : octet))));
  const seen = await delivered(from, to, [A, ...others]);
  await t.check('MCAST-09', () => expect(seen, GROUPS).to.include(formatMac(A)));
  await t.check('MCAST-06', () =>
    expect(
      seen.filter((mac) => mac !== formatMac(A)),
      `${GROUPS}, other than ${formatMac(A)}`,
    ).to.deep.equal([]),
  );
});

test('flood', 'forwards all multicast when no filter was requested', BRIDGE, async (t) => {
  const [from, to] = await t.bridged();
  await to.changeGroups('mcast-add', A);
  await t.check('MCAST-07', async () => {
    expect(await delivered(from, to, [A, B]), GROUPS).to.deep.equal([formatMac(A), formatMac(B)]);
  });
});

test('unfiltered', 'forwards unicast and broadcast whatever the list holds', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, REQUESTED);
  await t.check('MCAST-13', async () => {
    const seen = await delivered(from, to, [to.link.peer.mac, BROADCAST_MAC]);
    expect(seen, GROUPS).to.deep.equal([to.link.peer.mac, BROADCAST_MAC].map(formatMac));
  });
});

test('no-groups', 'forwards unicast and broadcast after their addresses were added and deleted', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, REQUESTED);
  const addresses = [to.link.peer.mac, BROADCAST_MAC, new Uint8Array(6)];
  for (const type of ['mcast-add', 'mcast-del', 'mcast-del'] as const) {
    for (const address of addresses) {
      // These addresses are no groups: the dummies are malformed.
      if (!(await arrives(to.changeGroups(type, address)))) t.skip('the backend gives up the vif, as it may');
    }
  }
  await t.check('MCAST-13', async () => {
    const seen = await delivered(from, to, [to.link.peer.mac, BROADCAST_MAC]);
    expect(seen, GROUPS).to.deep.equal([to.link.peer.mac, BROADCAST_MAC].map(formatMac));
  });
});

test('on-request', 'filters by the current list as soon as the frontend requests it', DYNAMIC, async (t) => {
  // No backend has to filter at all.
  for (const peer of await filtering(t)) await t.unplug(peer);
  const [from, to] = await t.bridged({}, { keys: requested('0') });
  await lists(t, to, [A]);
  await to.writeKeys(requested('1'));
  await t.check('MCAST-05', () => settles(from, to, B, false));
  await t.check('MCAST-08', async () => expect(await delivered(from, to, [A]), GROUPS).to.deep.equal([formatMac(A)]));
});

for (const [name, value, what] of [
  ['on-withdrawal', '0', 'withdrawn'],
  ['on-removal', undefined, 'removed'],
] as const) {
  test(name, `floods again when the request is ${what}`, DYNAMIC, async (t) => {
    const [from, to] = await filtering(t);
    await to.writeKeys(requested(value));
    await t.check('MCAST-07', () => settles(from, to, B, true));
    await t.check('MCAST-05', async () => expect(await delivered(from, to, [C]), GROUPS).to.deep.equal([formatMac(C)]));
  });
}

test('toggles', 'delivers a listed group while the request changes again and again', DYNAMIC, async (t) => {
  const [from, to] = await filtering(t);
  await lists(t, to, [A]);
  const seen: number[] = [];
  const values = ['0', '1', '0', '1', '0', '1', '0', '1'] as const;
  for (const value of values) {
    const arrived = delivered(from, to, [A, A, A], 1).then((groups) => seen.push(groups.length));
    await all([arrived, to.writeKeys(requested(value))]);
  }
  // A guest may lose a frame, but not in most rounds.
  const whole = seen.filter((count) => count === 3).length;
  await t.check('MCAST-09', () => expect(whole, 'rounds without a loss').to.be.at.least(values.length / 2));
  await t.check('MCAST-05', () => settles(from, to, B, false));
  await t.check('MCAST-09', async () => expect(await delivered(from, to, [A]), GROUPS).to.deep.equal([formatMac(A)]));
});

test('sampled', 'samples the request when it connects and ignores later changes', STATIC, async (t) => {
  const [from, to] = await filtering(t);
  await lists(t, to, [A]);
  await to.writeKeys(requested('0'));
  // If the backend follows the change after all, it has done so by the time another vif has connected.
  await t.fresh();
  await t.check('MCAST-04', async () =>
    expect(await delivered(from, to, [A, B]), GROUPS).to.deep.equal([formatMac(A)]),
  );
});

test('dummy', 'does not forward the request that changes the list', BRIDGE, async (t) => {
  const [from, to] = await t.bridged();
  const dummy = from.frameTo(BROADCAST_MAC);
  await from.transmit(dummy, { extras: [{ type: 'mcast-add', flags: 0, address: A }] });
  await t.check('MCAST-10', async () => {
    await through(from, to, from.frameTo(to.link.peer.mac));
    expect(to.received.filter(({ frame }) => sameBytes(frame, dummy)).length, 'forwarded dummies').to.equal(0);
  });
});

test('responses', 'responds to the dummy and to its extra', { ...CONTROL, fresh: true }, async (t) => {
  const vif = await t.fresh();
  for (const type of ['mcast-add', 'mcast-del'] as const) {
    const [dummy, extra] = statuses(await vif.changeGroups(type, A));
    await t.check('MCAST-21', () => expectRsp(dummy, RSP.okay, `the dummy with ${type}`));
    await t.check('MCAST-11', () => expectRsp(extra, RSP.null, type));
  }
});

test('dummy-grant', 'does not access the grant of a dummy request', { ...CONTROL, fresh: true }, async (t) => {
  const vif = await t.fresh();
  const good = await vif.changeGroups('mcast-add', A);
  const extras = [{ type: 'mcast-add', flags: 0, address: B }] as const;
  const bad = vif.queue.tx.enqueue(vif.quietFrame(), { extras, alter: (request) => ({ ...request, gref: BAD_REF }) });
  vif.queue.pushTx();
  const seen = await statusesAtLast(t, vif, bad);
  await t.check('MCAST-17', () => {
    for (const [n, { kind, response }] of good.entries()) {
      expectRsp(seen?.[n], response?.status ?? RSP.okay, kind === 'request' ? 'the dummy' : 'its extra');
    }
  });
});

test('full', 'refuses an address once its list is full', { ...CONTROL, fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  const seen = new Set<number | undefined>();
  await t.check('RING-09', async () => {
    for (let n = 0; n < MANY; n++) {
      const address = Uint8Array.of(0x01, 0x00, 0x5e, 0x01, n >> 8, n & 0xff);
      const [dummy] = await vif.changeGroups('mcast-add', address);
      seen.add(dummy?.response?.status);
    }
  });
  await t.check('MCAST-12', () => {
    for (const status of seen) expectRsp(status, [RSP.okay, ...REFUSALS], 'a dummy with ADD');
  });
  if (!REFUSALS.some((status) => seen.has(status))) t.info(`the list accepted ${MANY} addresses`);
  await stillPasses(t, 'MCAST-12', vif);
});

test('add-and-delete', `adds an address that was deleted, ${MANY} times`, BRIDGE, async (t) => {
  const [from, to] = await filtering(t);
  await lists(t, to, [A]);
  await t.check('MCAST-09', async () => {
    for (let n = 0; n < MANY; n++)
      for (const type of ['mcast-del', 'mcast-add'] as const) await to.changeGroups(type, A);
    expect(await delivered(from, to, [A, B]), GROUPS).to.deep.equal([formatMac(A)]);
  });
});

test('freed', 'accepts an address for one that was deleted from a full list', BRIDGE, async (t) => {
  const [from, to] = await filtering(t);
  const listed: Uint8Array[] = [];
  for (let refused = false; !refused;) {
    const address = Uint8Array.of(0x01, 0x00, 0x5e, 0x01, 0, listed.length);
    const [status] = statuses(await to.changeGroups('mcast-add', address));
    refused = REFUSALS.some((each) => each === status);
    if (refused || listed.push(address) < MANY) continue;
    // A list without an end has no address that it accepts and does not hold.
    return t.check('MCAST-09', async () => {
      expect(await delivered(from, to, [address]), GROUPS).to.deep.equal([formatMac(address)]);
    });
  }
  const [first, last] = [listed[0], listed.at(-1)];
  if (!first || !last || listed.length < 2) return t.skip('the list is full with fewer than two addresses');
  await to.changeGroups('mcast-del', first);
  const [status] = statuses(await to.changeGroups('mcast-add', A));
  await t.check('MCAST-12', () => expectRsp(status, { not: RSP.error }, 'an ADD after a DEL'));
  if (status === RSP.error) return;
  await t.check('MCAST-09', async () => {
    expect(await delivered(from, to, [A, last, first]), GROUPS).to.deep.equal([A, last].map(formatMac));
  });
});

test('unknown', 'ignores the deletion of an address that is not in the list', BRIDGE, async (t) => {
  const [from, to] = await filtering(t);
  await lists(t, to, [A]);
  await to.changeGroups('mcast-del', B);
  await t.check('MCAST-14', async () =>
    expect(await delivered(from, to, [A, B]), GROUPS).to.deep.equal([formatMac(A)]),
  );
});

test('twice', 'keeps filtering after an address was added twice and deleted once', BRIDGE, async (t) => {
  const [from, to] = await filtering(t);
  await lists(t, to, [A, A, B]);
  await to.changeGroups('mcast-del', A);
  const seen = await delivered(from, to, [A, B, C]);
  t.info(`added twice and deleted once, the address is ${seen.includes(formatMac(A)) ? 'still' : 'no longer'} listed`);
  await t.check('MCAST-15', () =>
    expect(
      seen.filter((mac) => mac !== formatMac(A)),
      `${GROUPS}, other than ${formatMac(A)}`,
    ).to.deep.equal([formatMac(B)]),
  );
});

test('delete-twice', 'accepts an address again that was deleted twice', BRIDGE, async (t) => {
  const [from, to] = await filtering(t);
  await lists(t, to, [A, B]);
  for (let n = 0; n < 2; n++) await to.changeGroups('mcast-del', A);
  await t.check('MCAST-14', async () =>
    expect(await delivered(from, to, [A, B]), GROUPS).to.deep.equal([formatMac(B)]),
  );
  await lists(t, to, [A]);
  await t.check('MCAST-09', async () => {
    expect(await delivered(from, to, [A, B]), GROUPS).to.deep.equal([A, B].map(formatMac));
  });
});

test(
  'two-extras',
  'responds to each extra of a dummy with two',
  { ...CONTROL, fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    for (const types of [
      ['mcast-add', 'mcast-add'],
      ['mcast-add', 'mcast-del'],
      ['mcast-del', 'mcast-add'],
    ] as const) {
      const extras = types.map((type, n) => ({ type, flags: n === 0 ? EXTRA_FLAG_MORE : 0, address: n === 0 ? A : B }));
      const slots = vif.queue.tx.enqueue(vif.quietFrame(), { extras });
      vif.queue.pushTx();
      const seen = await statusesOrSilence(vif, slots);
      // Which of the two the backend acts on is open. Instead it may give up the vif.
      if (!seen) return t.check('EXTRA-07', () => givenUp(vif, slots));
      await t.check('MCAST-11', () => {
        for (const [n, type] of types.entries()) expectRsp(seen[n + 1], RSP.null, `extra ${n}, ${type}`);
      });
    }
    await stillPasses(t, 'EXTRA-07', vif);
  },
);

test(
  'with-hash',
  'lists the address of a dummy that also has a HASH extra',
  { ...BRIDGE, gate: [KEY.featureMulticastControl, KEY.featureCtrlRing] },
  async (t) => {
    const [from, to] = await filtering(t, { control: true });
    // Only a backend with Toeplitz hashing is assumed to accept HASH extras.
    await setToeplitz(t, to);
    const hash = { type: 'hash', flags: 0, hashType: 0, algorithm: 1, value: 0x12345678 } as const;
    const add = (address: Uint8Array) => ({ type: 'mcast-add', flags: 0, address }) as const;
    await t.check('EXTRA-05', async () => {
      await to.transmit(to.quietFrame(), { extras: [{ ...add(A), flags: EXTRA_FLAG_MORE }, hash] });
      await to.transmit(to.quietFrame(), { extras: [{ ...hash, flags: EXTRA_FLAG_MORE }, add(B)] });
      expect(await delivered(from, to, [A, B, C]), GROUPS).to.deep.equal([A, B].map(formatMac));
    });
  },
);

test('dummy-of-two', 'survives a dummy of two fragments', { ...CONTROL, fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  const extras = [{ type: 'mcast-add', flags: 0, address: A }] as const;
  const slots = vif.queue.tx.enqueue(vif.quietFrame(), { extras, fragments: [30, 34] });
  vif.queue.pushTx();
  const seen = await statusesOrSilence(vif, slots);
  t.info(seen ? `the backend responded with ${statusList(seen)}` : 'the backend gave up the vif');
  await survivesElsewhere(t);
  await continues(t, vif, slots);
});

test('reconnect', 'starts a new connection with an empty list', BRIDGE, async (t) => {
  const [from, to] = await filtering(t);
  await lists(t, to, [A]);
  await reconnect(t, to, REQUESTED);
  await t.bridge([from, to]);
  await t.check('MCAST-16', async () => expect(await delivered(from, to, [A]), GROUPS).to.deep.equal([]));
});

test('reconnect-unrequested', 'floods on a new connection without a request', BRIDGE, async (t) => {
  const [from, to] = await filtering(t);
  await reconnect(t, to, { keys: requested(undefined) });
  await t.bridge([from, to]);
  await t.check('MCAST-07', async () => {
    expect(await delivered(from, to, [A, A6]), GROUPS).to.deep.equal([A, A6].map(formatMac));
  });
});

test(
  'per-vif',
  'has one list for all queues',
  { ...BRIDGE, gate: [KEY.featureMulticastControl, KEY.multiQueueMaxQueues] },
  async (t) => {
    if ((await queuesOffered(t)) < 2) t.skip('the backend offers only one queue');
    const [from, to] = await filtering(t, { queues: 2 });
    await to.changeGroups('mcast-add', A, {}, to.queues[1]);
    // On whichever queue it arrives.
    await t.check('MCAST-09', () => through(from, to, from.frameTo(A)));
  },
);

test(
  'delete-per-vif',
  'removes an address for all queues, on whichever queue it is deleted',
  { ...BRIDGE, gate: [KEY.featureMulticastControl, KEY.multiQueueMaxQueues] },
  async (t) => {
    if ((await queuesOffered(t)) < 2) t.skip('the backend offers only one queue');
    const [from, to] = await filtering(t, { queues: 2 });
    await lists(t, to, [A, B]);
    await to.changeGroups('mcast-del', A, {}, to.queues[1]);
    const gone = from.frameTo(A);
    await from.transmit(gone);
    // A backend may use its queues in turn, so a later frame on each queue shows that the first one does not come.
    for (let n = 0; n < 4; n++) await through(from, to, from.frameTo(B));
    const isDelivered = to.received.some(({ frame }) => sameBytes(frame, gone));
    await t.check('MCAST-19', () => expect(isDelivered, 'delivery to the deleted group').to.equal(false));
  },
);

/** Waits until a frame to `address` is forwarded if `through` is true, or no longer forwarded if it is false. */
async function settles(from: FrontendPeer, to: FrontendPeer, address: Uint8Array, through: boolean): Promise<void> {
  const what = `${through ? 'frame' : 'end of the frames'} to ${formatMac(address)}`;
  await to.until(what, async () => (await delivered(from, to, [address])).length > 0 === through);
}
