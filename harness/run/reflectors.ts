/** What the stack behind the implementation under test answers, by itself and to anybody. */
import { Expired } from '../xen/wait.js';
import type { AnyPeer } from './connections.js';

/** Who has this address? Are you there? Is anybody at this TCP port? */
export const REFLECTORS = ['arp', 'icmp', 'tcp'] as const;
export type Reflector = (typeof REFLECTORS)[number];

/** Milliseconds, before scaling: an answer comes at once or not at all. */
const ANSWER_MS = 1000;

/** Asks each question once; without an answer to ARP there is nobody to ask the others. */
export async function askReflectors(peer: AnyPeer): Promise<Set<Reflector>> {
  const answered = new Set<Reflector>();
  const ask: Record<Reflector, () => Promise<unknown>> = {
    arp: () => peer.arp({ ms: ANSWER_MS }),
    icmp: () => peer.ping({ ms: ANSWER_MS }),
    tcp: () => peer.syn({ ms: ANSWER_MS }),
  };
  for (const reflector of REFLECTORS) {
    try {
      await ask[reflector]();
      answered.add(reflector);
    } catch (error) {
      if (!(error instanceof Expired)) throw error;
      if (reflector === 'arp') break;
    }
  }
  return answered;
}
