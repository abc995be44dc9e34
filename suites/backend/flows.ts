/** netif.h, "Hash types": more flows than a backend remembers, on every queue. */
import { expect } from 'chai';
import { KEY } from '../../harness/protocol/netif.js';
import { toeplitz, VERIFICATION_KEY } from '../../harness/protocol/toeplitz.js';
import { backendChapter } from '../../harness/run/suite.js';
import { synOf, type Vector } from '../support/toeplitz-vectors.js';
import { A_VECTOR, hashing, IPV4, NO_HASH, publishedFor, tcpInput } from './hash-verbs.js';
import { through } from './verbs.js';

const { test, tests } = backendChapter('flows');
export const flows = tests;

/** More flows than the cache of a backend is known to hold: 64 in Linux. */
const MANY = 150;
/** The first flows, which are tried again at the end. */
const AGAIN = 8;
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
    const [wrong, missing]: [string[], string[]] = [[], []];
    for (const [n, flow] of [...FLOWS, ...FLOWS.slice(0, AGAIN)].entries()) {
      const packet = await through(from, to, synOf(flow, from.link.peer.mac, to.link.peer.mac));
      const seen = packet.extras.find((extra) => extra.type === 'hash');
      const what = `packet ${n} on queue ${packet.queue.index}`;
      if (!seen) missing.push(what);
      else if (seen.value !== publishedFor(seen, flow)) wrong.push(`${what} has the hash ${seen.value}`);
    }
    if (missing.length === FLOWS.length + AGAIN) t.skip(NO_HASH);
    await t.check('HASH-33', () => expect(wrong, 'packets with a wrong hash').to.deep.equal([]));
    // No backend has to send a hash; but this one does.
    await t.check('HASH-44', () => expect(missing, 'packets without a hash').to.deep.equal([]));
  },
);
