/** How legal backends respond to control requests. */
import { type CtrlRequest, decodeCtrlRequest, decodeHashMapping } from '../../../protocol/ctrl.js';
import { linked } from '../../../protocol/extra.js';
import { CTRL_STATUS, CTRL_TYPE, HASH_MAPPING_PER_PAGE } from '../../../protocol/netif.js';
import type { BackendVif } from '../../backend.js';
import type { VifPacket } from '../../packet.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { Answer } from '../../control-steps.js';
import { HASH_FLAGS } from '../../hashing.js';

const HASH_TYPES: readonly number[] = [
  CTRL_TYPE.getHashFlags,
  CTRL_TYPE.setHashFlags,
  CTRL_TYPE.setHashKey,
  CTRL_TYPE.getHashMappingSize,
  CTRL_TYPE.setHashMappingSize,
  CTRL_TYPE.setHashMapping,
  CTRL_TYPE.setHashAlgorithm,
];

/** Supports no hashing, and refuses HASH extras in tx packets, which only a backend with hashing has to accept. */
export const hashUnsupported: Partial<BackendSteps> = {
  answerControl: (vif, request) =>
    HASH_TYPES.includes(request.type) ? { status: CTRL_STATUS.notSupported } : correct.answerControl(vif, request),
  takeChain(queue) {
    const chain = correct.takeChain(queue);
    const unknown = chain?.extras.some(({ type }) => type === 'hash');
    return chain && unknown ? { ...chain, fault: chain.fault ?? 'an extra of unknown type' } : chain;
  },
};

/** A mapping table of at most `most` entries; `refusal` is the status for a larger one, or for any if `most` is 0. */
export function mappingTable(most: number, refusal: number): Partial<BackendSteps> {
  return {
    getHashMappingSize: () => ({ status: CTRL_STATUS.success, data: most }),
    setHashMappingSize(vif, [size]) {
      if (size > most || (most === 0 && refusal === CTRL_STATUS.notSupported)) return { status: refusal };
      vif.hashing.mapping = new Array<number>(size).fill(0);
      return { status: CTRL_STATUS.success };
    },
    setHashMapping: (vif, data) => (most === 0 ? { status: refusal } : correct.setHashMapping(vif, data)),
  };
}

/** A mapping table of any size, of which only the entries that were set take room. */
export const mappingUnlimited: Partial<BackendSteps> = {
  getHashMappingSize: () => ({ status: CTRL_STATUS.success, data: 0xffffffff }),
  setHashMappingSize(vif, [size]) {
    vif.hashing.mapping = [];
    vif.hashing.mapping.length = size;
    return { status: CTRL_STATUS.success };
  },
  setHashMapping(vif, [ref, size, offset]) {
    const { mapping } = vif.hashing;
    const bytes = vif.steps.readMessage(vif, ref, size * 4);
    const queues = bytes && size <= HASH_MAPPING_PER_PAGE ? decodeHashMapping(bytes, size) : undefined;
    if (!queues?.ok || offset + size > mapping.length || queues.value.some((queue) => queue >= vif.queues.length))
      return { status: CTRL_STATUS.invalidParameter };
    for (const [n, queue] of queues.value.entries()) mapping[offset + n] = queue;
    return { status: CTRL_STATUS.success };
  },
};

/** Keeps the settings of a vif until a frontend connects without a control ring. */
export const hashKept: Partial<BackendSteps> = {
  closeControl(vif) {
    const { algorithm, flags, key, mapping } = vif.hashing;
    correct.closeControl(vif);
    Object.assign(vif.hashing, { algorithm, flags, key, mapping });
  },
  async connect(vif) {
    await correct.connect(vif);
    if (!vif.control) vif.hashing.reset();
    vif.hashing.mapping = vif.hashing.mapping.map((queue) => queue % vif.queues.length);
    vif.hashing.flags &= HASH_FLAGS;
  },
};

/** Consumes all published requests and responds to each with `respond`. */
function serving(
  respond: (vif: BackendVif, requests: readonly [CtrlRequest, Answer][]) => void,
): Partial<BackendSteps> {
  return {
    serveControl(vif) {
      const { control } = vif;
      if (!control) return;
      for (;;) {
        const ready = control.ring.unconsumed();
        if (!ready.ok) return;
        const taken: [CtrlRequest, Answer][] = [];
        for (let n = 0; n < ready.value; n++) {
          const request = decodeCtrlRequest(control.ring.take());
          if (!request.ok) return;
          taken.push([request.value, vif.steps.answerControl(vif, request.value)]);
        }
        respond(vif, taken);
        const more = control.ring.finalCheck();
        if (!more.ok || !more.value) return;
      }
    },
  };
}

function publish(vif: BackendVif, answered: readonly [CtrlRequest, Answer][]): void {
  const { control } = vif;
  if (!control) return;
  for (const [request, answer] of answered) vif.steps.respondControl(vif, request, answer);
  if (control.ring.push()) vif.domain.events.notify(control.port);
}

export const answersLastFirst = serving((vif, answered) => publish(vif, [...answered].reverse()));

export function answersLate(ms: number): Partial<BackendSteps> {
  return serving((vif, answered) => {
    const { control } = vif;
    vif.domain.clock.after(ms, () => {
      if (vif.control === control) publish(vif, answered);
    });
  });
}

/** Sends no HASH extras with packets for which `holds` returns true. */
export function withoutHashExtras(
  holds: (vif: BackendVif, packet: VifPacket) => boolean,
): Pick<BackendSteps, 'extras'> {
  return {
    extras(vif, packet) {
      const extras = correct.extras(vif, packet);
      return holds(vif, packet) ? linked(extras.filter(({ type }) => type !== 'hash')) : extras;
    },
  };
}

/** Sends HASH extras only if there are several queues to choose from. */
export const hashExtrasWithQueues = withoutHashExtras((vif) => vif.queues.length === 1);
