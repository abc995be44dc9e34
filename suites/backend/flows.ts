/** netif.h, "Hash types": more flows than a backend remembers, on every queue. */
import { expect } from 'chai';
import { HASH_TYPE, KEY } from '../../harness/protocol/netif.js';
import { toeplitz, VERIFICATION_KEY } from '../../harness/protocol/toeplitz.js';
import { backendChapter } from '../../harness/run/suite.js';
import { synOf, type Vector } from '../support/toeplitz-vectors.js';
import { A_VECTOR, hashing, IPV4, NO_HASH, publishedFor, tcpInput } from './hash-verbs.js';
import { through } from './verbs.js';

const { test, tests } = backendChapter('flows');
export const flows = tests;

/** More flows than the cache of a backend is known to hold: 64 in Linux. */
const MANY = 150;
const FLOWS: readonly Vector[] = [...Array(MANY).keys()].map((n) => {
  const flow = { ...A_VECTOR, sport: A_VECTOR.sport + n };
  return { ...flow, tcp: toeplitz(VERIFICATION_KEY, tcpInput(flow)) };
});

test(
  'many',
  `reports the hashes of ${MANY} flows, and then those of the first ones again`,
  { gate: KEY.featureCtrlRing, fresh: true, needs: 'bridge' },
  async (t) => {
    const [from, to] = await hashing(t, IPV4);
    const wrong: string[] = [];
    let reported = 0;
    for (const [n, flow] of [...FLOWS, ...FLOWS.slice(0, 8)].entries()) {
      const packet = await through(from, to, synOf(flow, from.link.peer.mac, to.link.peer.mac));
      const seen = packet.extras.find((extra) => extra.type === 'hash');
      if (seen) reported++;
      if (seen?.value === (seen && publishedFor(seen, flow)) && seen?.hashType === HASH_TYPE.ipv4Tcp) continue;
      wrong.push(`packet ${n} on queue ${packet.queue.index} ${seen ? `has the hash ${seen.value}` : 'has no hash'}`);
    }
    if (reported === 0) t.skip(NO_HASH);
    await t.check('HASH-33', () => expect(wrong, 'packets without their hash').to.deep.equal([]));
  },
);
