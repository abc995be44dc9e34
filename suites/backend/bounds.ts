/** netif.h, "Control messages": the bounds that a backend reports, and values beyond them that equal a valid one in their low bits. */
import { expect } from 'chai';
import type { FrontendControl } from '../../harness/peer/frontend-control.js';
import {
  CTRL_STATUS,
  CTRL_TYPE,
  HASH_ALGORITHM,
  HASH_FLAG,
  HASH_MAPPING_PER_PAGE,
  KEY,
} from '../../harness/protocol/netif.js';
import { VERIFICATION_KEY } from '../../harness/protocol/toeplitz.js';
import { backendChapter } from '../../harness/run/suite.js';
import { ctrlTypeName, expectCtrl, expectEntries } from '../support/statuses.js';
import { entries, mapping, statusesOf } from './gref-verbs.js';
import { accepted, setToeplitz } from './verbs.js';

const { test, tests } = backendChapter('bounds');
export const bounds = tests;

const { success, notSupported, invalidParameter, bufferOverflow } = CTRL_STATUS;
const CONTROL = { gate: KEY.featureCtrlRing, fresh: true } as const;
/** What is added to a valid value: a driver that keeps 8, 16 or 31 bits of the sum has the valid value again. */
const BEYOND = [2 ** 8, 2 ** 16, 2 ** 31] as const;
/** Bytes of a page, the largest size of a key. */
const KEY_BOUND = 4096;
/** The length of the table that tests write to. */
const TABLE = 4;

test('algorithm', 'compares all bits of an algorithm', CONTROL, async (t) => {
  const { control } = await t.fresh({ control: true });
  const { status } = await control.setHashAlgorithm(HASH_ALGORITHM.toeplitz);
  const refused = status === notSupported ? notSupported : invalidParameter;
  for (const algorithm of Object.values(HASH_ALGORITHM)) {
    for (const beyond of BEYOND) {
      await t.check('HASH-01', async () => {
        const { status } = await control.setHashAlgorithm(algorithm + beyond);
        expectCtrl(status, refused, `the algorithm ${algorithm + beyond}`);
      });
    }
  }
});

test('flags', 'compares all bits of hash types', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  await setToeplitz(t, vif);
  const { data: mask } = await vif.control.ask(CTRL_TYPE.getHashFlags);
  for (const flags of [mask, 0, HASH_FLAG.ipv4 & mask]) {
    for (const beyond of BEYOND) {
      await t.check('HASH-06', async () => {
        const { status } = await vif.control.setHashFlags(flags + beyond);
        expectCtrl(status, invalidParameter, `the hash types ${flags + beyond}`);
      });
    }
  }
});

test('key-size', 'compares all bits of the size of a key', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  await setToeplitz(t, vif);
  const ref = vif.control.grant(VERIFICATION_KEY);
  const usual = await vif.control.ask(CTRL_TYPE.setHashKey, ref, VERIFICATION_KEY.length);
  if (usual.status === notSupported) t.skip('the backend has a key of its own');
  for (const size of [0, VERIFICATION_KEY.length]) {
    // A backend may support keys of up to a page.
    for (const beyond of [2 * KEY_BOUND, ...BEYOND.slice(1)]) {
      await t.check('HASH-20', async () => {
        const { status } = await vif.control.ask(CTRL_TYPE.setHashKey, ref, size + beyond);
        expectCtrl(status, [invalidParameter, bufferOverflow], `a key of ${size + beyond} octets`);
      });
    }
  }
});

test('table-size', 'compares all bits of the size of a table', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  await setToeplitz(t, vif);
  const { status, data: most } = await vif.control.ask(CTRL_TYPE.getHashMappingSize);
  if (status !== success) t.skip('the backend reports no size of its table');
  // A backend without a table need not know the message.
  const refusals = most === 0 ? [invalidParameter, notSupported] : [invalidParameter];
  const sizes = [0, Math.min(TABLE, most)].flatMap((each) => BEYOND.map((beyond) => each + beyond));
  if (sizes.every((size) => size <= most)) t.skip('the backend has room for a table of any of these sizes');
  for (const size of sizes.filter((each) => each > most)) {
    await t.check('HASH-23', async () => {
      expectCtrl((await vif.control.setHashMappingSize(size)).status, refusals, `a table of ${size} entries`);
    });
  }
});

test('sub-table', 'compares all bits of the size and of the offset of a sub-table', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  const { control } = vif;
  await setToeplitz(t, vif);
  await accepted(t, control.setHashMappingSize(TABLE));
  const ref = control.grant(new Uint8Array(4 * HASH_MAPPING_PER_PAGE));
  for (const beyond of BEYOND) {
    for (const [size, offset] of [
      [1 + beyond, 0],
      [1, beyond],
      [1, TABLE - 1 + beyond],
    ] as const) {
      await t.check('HASH-29', async () => {
        const { status } = await control.ask(CTRL_TYPE.setHashMapping, ref, size, offset);
        expect(status, `status for ${size} entries at offset ${offset}`).to.be.oneOf([
          invalidParameter,
          bufferOverflow,
        ]);
      });
    }
  }
});

test('queue', 'compares all bits of the queues in a table', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  const { control } = vif;
  await setToeplitz(t, vif);
  await accepted(t, control.setHashMappingSize(TABLE));
  await accepted(t, control.setHashMapping([0], 1));
  for (const beyond of BEYOND) {
    await t.check('HASH-28', async () => {
      const { status } = await control.setHashMapping([beyond], 1);
      expectCtrl(status, invalidParameter, `a table with queue ${beyond}`);
    });
  }
});

test('type', 'compares all bits of the type of a message', CONTROL, async (t) => {
  const { control } = await t.fresh({ control: true });
  for (const type of Object.values(CTRL_TYPE)) {
    // A type has 16 bits.
    for (const beyond of [2 ** 8, 2 ** 12, 2 ** 15]) {
      const { status } = await control.ask(type + beyond);
      await t.check('CTRL-10', () =>
        expectCtrl(status, [notSupported, invalidParameter], `a message of type ${type + beyond}`),
      );
    }
  }
});

test('gref-queue', 'compares all bits of the queue of a gref message', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const list = entries(control, 1);
  for (const queue of BEYOND) {
    await t.check('GREF-03', async () => {
      expectCtrl((await control.getGrefMappingSize(queue)).status, invalidParameter, `GET for queue ${queue}`);
    });
    await t.check('GREF-19', async () => {
      expectCtrl((await control.addGrefMapping(queue, list)).status, invalidParameter, `ADD for queue ${queue}`);
      expectCtrl((await control.delGrefMapping(queue, list)).status, invalidParameter, `DEL for queue ${queue}`);
    });
  }
});

test('gref-list', 'compares all bits of the size of a list', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const list = entries(control, 1);
  // A list of up to 512 entries fits in a page.
  for (const size of [0, 1].flatMap((each) => BEYOND.slice(1).map((beyond) => each + beyond))) {
    for (const type of [CTRL_TYPE.addGrefMapping, CTRL_TYPE.delGrefMapping]) {
      await t.check('GREF-17', async () => {
        const { status } = await control.ask(type, 0, list.ref, size);
        expectCtrl(status, invalidParameter, `a ${ctrlTypeName(type)} with ${size} entries`);
      });
    }
  }
  await t.check('GREF-09', async () => {
    expect((await control.delGrefMapping(0, list)).data, 'entries of the refused lists').to.equal(0);
    expectEntries(statusesOf(list), [invalidParameter]);
  });
});

test('stay', 'reports the same hash types and table sizes after each control message', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  const { control } = vif;
  await setToeplitz(t, vif);
  const first = await reported(control);
  const mask = first['HASH-05'] ?? 0;
  const list = entries(control, 1);
  for (const [what, send] of [
    ['SET_HASH_FLAGS with one type', () => control.setHashFlags(mask & -mask)],
    ['SET_HASH_FLAGS with no type', () => control.setHashFlags(0)],
    ['SET_HASH_FLAGS with all types', () => control.setHashFlags(mask)],
    ['SET_HASH_KEY', () => control.setHashKey(VERIFICATION_KEY.subarray(0, 16))],
    ['SET_HASH_MAPPING_SIZE', () => control.setHashMappingSize(2)],
    ['SET_HASH_MAPPING', () => control.setHashMapping([0])],
    ['SET_HASH_ALGORITHM', () => control.setHashAlgorithm(HASH_ALGORITHM.toeplitz)],
    ['ADD_GREF_MAPPING', () => control.addGrefMapping(0, list)],
    ['DEL_GREF_MAPPING', () => control.delGrefMapping(0, list)],
  ] as const) {
    const { type, status } = await send();
    const now = await reported(control);
    // A backend may report how many entries are free.
    if (type === CTRL_TYPE.addGrefMapping && status === success) now['GREF-05'] = first['GREF-05'];
    for (const [requirement, data] of Object.entries(first))
      await t.check(requirement, () => expect(now[requirement], `what a GET reports after ${what}`).to.equal(data));
  }
});

/** The hash types, the largest mapping table and the largest table of mapped grants; undefined for what the backend does not support. */
async function reported(control: FrontendControl): Promise<Record<string, number | undefined>> {
  const data = async (type: number): Promise<number | undefined> => {
    const response = await control.ask(type);
    return response.status === success ? response.data : undefined;
  };
  return {
    'HASH-05': await data(CTRL_TYPE.getHashFlags),
    'HASH-22': await data(CTRL_TYPE.getHashMappingSize),
    'GREF-05': await data(CTRL_TYPE.getGrefMappingSize),
  };
}
