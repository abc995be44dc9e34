/** Defects of the reference backend, chapter control. */
import { CTRL_STATUS, CTRL_TYPE, KEY } from '../../../protocol/netif.js';
import { MAX_MAPPING } from '../../hashing.js';
import { decodeCtrlRequest } from '../../../protocol/ctrl.js';
import { CTRL_RING } from '../../../protocol/ring.js';
import type { BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import type { Defect } from '../defect.js';
import { mortalBackend } from '../support/mortal.js';

/** Whether a frontend has written one of the two keys of a control ring. */
async function hasHalf(vif: BackendVif): Promise<boolean> {
  const keys = await Promise.all([KEY.ctrlRingRef, KEY.eventChannelCtrl].map((key) => vif.frontendKey(key)));
  return keys.filter((key) => key !== undefined).length === 1;
}

export const BACKEND_CONTROL_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.control.value',
    breaks: 'CTRL-01',
    fault: 'advertises feature-ctrl-ring = 2',
    backend: { features: () => ({ ...correct.features(), [KEY.featureCtrlRing]: '2' }) },
  },
  {
    id: 'backend.control.mandatory',
    breaks: 'CTRL-05',
    fault: 'serves only frontends that have a control ring',
    backend: {
      serve(vif, queue) {
        if (vif.control) correct.serve(vif, queue);
      },
    },
  },
  {
    id: 'backend.control.dies-of-half',
    breaks: 'ROB-01',
    fault: 'stops serving every vif when one of the two control ring keys is missing',
    seen: 'Linux xen-netback before 4e15ee2cb4: crashes on a frontend without event-channel-ctrl',
    backend: mortalBackend((die) => ({
      async connect(vif) {
        await correct.connect(vif);
        if (await hasHalf(vif)) die(vif);
      },
    })),
  },
  {
    id: 'backend.control.deaf-with-half',
    breaks: 'CTRL-06',
    fault: 'goes to Connected with one of the two control ring keys, and serves none of its rings',
    seen: 'Linux xen-netback, set_backend_state(): writes Connected whether or not connect() succeeded, v6.1',
    backend: (() => {
      const deaf = new WeakSet<object>();
      return {
        async connect(vif) {
          await correct.connect(vif);
          if (await hasHalf(vif)) deaf.add(vif);
        },
        serve(vif, queue) {
          if (!deaf.has(vif)) correct.serve(vif, queue);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.control.deaf-at-first',
    breaks: 'CTRL-17',
    fault: 'skips the control requests that are in the ring when it connects',
    backend: {
      openControl(vif, frontend, ref, channel) {
        correct.openControl(vif, frontend, ref, channel);
        const { ring } = vif.control ?? {};
        ring?.attach(ring.indices().reqProd);
      },
    },
  },
  {
    id: 'backend.control.forgets',
    breaks: 'CTRL-07',
    fault: 'does not respond to control requests that it does not support',
    backend: {
      respondControl(vif, request, answer) {
        if (answer.status !== CTRL_STATUS.notSupported) correct.respondControl(vif, request, answer);
      },
    },
  },
  {
    id: 'backend.control.silent-refusal',
    breaks: 'CTRL-07',
    fault: 'does not respond to a control request that it refuses',
    backend: {
      respondControl(vif, request, answer) {
        if (answer.status === CTRL_STATUS.success) correct.respondControl(vif, request, answer);
      },
    },
  },
  {
    id: 'backend.control.silent-setter',
    breaks: 'CTRL-07',
    fault: 'does not respond to SET_HASH_KEY, which is the set-up of many tests of hashes',
    backend: {
      respondControl(vif, request, answer) {
        if (request.type !== CTRL_TYPE.setHashKey) correct.respondControl(vif, request, answer);
      },
    },
  },
  {
    id: 'backend.control.id-of-thirteen-bits',
    breaks: 'CTRL-09',
    fault: 'keeps only thirteen bits of an id',
    backend: {
      respondControl: (vif, request, answer) =>
        correct.respondControl(vif, { ...request, id: request.id & 0x1fff }, answer),
    },
  },
  {
    id: 'backend.control.success-for-unknown',
    breaks: 'CTRL-10',
    fault: 'responds with SUCCESS to an unknown type',
    backend: {
      respondControl: (vif, request, answer) =>
        correct.respondControl(vif, request, {
          ...answer,
          status: answer.status === CTRL_STATUS.notSupported ? CTRL_STATUS.success : answer.status,
        }),
    },
  },
  {
    id: 'backend.control.stray-data',
    breaks: 'CTRL-11',
    fault: 'leaves a stray value in the data of a response',
    backend: {
      respondControl: (vif, request, answer) =>
        correct.respondControl(vif, request, { data: request.type + 1, ...answer }),
    },
  },
  {
    id: 'backend.control.strict-words',
    breaks: 'CTRL-13',
    fault: 'responds with BUFFER_OVERFLOW when a word that should be 0 is not 0',
    backend: {
      answerControl: (vif, request) =>
        request.type === CTRL_TYPE.setHashAlgorithm && request.data[1] !== 0
          ? { status: CTRL_STATUS.bufferOverflow }
          : correct.answerControl(vif, request),
    },
  },
  {
    id: 'backend.control.one-too-few',
    breaks: 'CTRL-14',
    fault: 'does not serve a full control ring',
    backend: {
      serveControl(vif) {
        const ready = vif.control?.ring.unconsumed();
        if (ready?.ok && ready.value < CTRL_RING.size) correct.serveControl(vif);
      },
    },
  },
  {
    id: 'backend.control.no-final-check',
    breaks: 'CTRL-15',
    fault: 'stops asking for events after four control requests',
    backend: {
      serveControl(vif) {
        const { control } = vif;
        if (control && control.ring.reqCons > 4) control.ring.finalCheck = () => ({ ok: true, value: false });
        correct.serveControl(vif);
      },
    },
  },
  {
    id: 'backend.control.event-by-equality',
    breaks: 'NOTIFY-02',
    shownIn: 'backend.control.one-each',
    fault: 'notifies control responses only if rsp_prod equals rsp_event',
    backend: {
      serveControl(vif) {
        const { control } = vif;
        const ready = control?.ring.unconsumed();
        if (!control || !ready?.ok || ready.value === 0) return;
        for (let n = 0; n < ready.value; n++) {
          const request = decodeCtrlRequest(control.ring.take());
          if (request.ok) vif.steps.respondControl(vif, request.value, vif.steps.answerControl(vif, request.value));
        }
        control.ring.push();
        const { rspProd, rspEvent } = control.ring.indices();
        if (rspProd === rspEvent) vif.domain.events.notify(control.port);
        const more = control.ring.finalCheck();
        if (more.ok && more.value) vif.steps.serveControl(vif);
      },
    },
  },
  {
    id: 'backend.control.always-notifies',
    breaks: 'NOTIFY-11',
    fault: 'notifies every control response whatever the event index says',
    backend: {
      serveControl(vif) {
        correct.serveControl(vif);
        if (vif.control) vif.domain.events.notify(vif.control.port);
      },
    },
  },
  {
    id: 'backend.control.dies-of-index',
    breaks: 'CTRL-16',
    fault: 'stops serving every vif at a req_prod beyond the control ring',
    backend: mortalBackend((die) => ({
      serveControl(vif) {
        if (vif.control?.ring.unconsumed().ok === false) die();
        correct.serveControl(vif);
      },
    })),
  },
  {
    id: 'backend.control.starved',
    breaks: 'CTRL-18',
    fault: 'stops serving control requests after 100 tx requests on a queue',
    backend: {
      serveControl(vif) {
        const busy = vif.queues.some(({ tx }) => tx.reqCons > 100);
        if (!busy) correct.serveControl(vif);
      },
    },
  },
  {
    id: 'backend.control.waits-for-buffers',
    breaks: 'CTRL-18',
    fault: 'serves no control request while a packet waits for a buffer',
    backend: {
      serveControl(vif) {
        if (vif.queues.every(({ backlog }) => backlog.length === 0)) correct.serveControl(vif);
      },
    },
  },
  {
    id: 'backend.control.keeps-ring',
    breaks: 'CTRL-20',
    fault: 'keeps the control ring mapped after it has closed',
    backend: {
      closeControl(vif) {
        if (vif.control) vif.pump.off(vif.control.port);
        vif.control = undefined;
      },
    },
  },
  {
    id: 'backend.control.data-before-control',
    raceIn: 'backend.control.beside-data',
    breaks: 'CTRL-18',
    fault: 'ignores its first control requests when tx requests are waiting',
    backend: (() => {
      const asked = new WeakSet();
      return {
        serveControl(vif) {
          const requests = vif.control?.ring.unconsumed();
          const waiting = vif.queues.some(({ tx }) => {
            const ready = tx.unconsumed();
            return ready.ok && ready.value > 0;
          });
          const isFirst = requests?.ok === true && requests.value > 0 && !asked.has(vif);
          if (isFirst) asked.add(vif);
          if (!(isFirst && waiting)) correct.serveControl(vif);
        },
      };
    })(),
  },
  {
    id: 'backend.control.size-in-data',
    breaks: 'CTRL-21',
    fault: 'returns the largest size in the data of the response to SET_HASH_MAPPING_SIZE',
    backend: {
      respondControl: (vif, request, answer) =>
        correct.respondControl(
          vif,
          request,
          request.type === CTRL_TYPE.setHashMappingSize ? { ...answer, data: MAX_MAPPING } : answer,
        ),
    },
  },
  {
    id: 'backend.control.stale-data',
    breaks: 'CTRL-21',
    fault: 'returns the data of the last message that had any with a message that fails',
    backend: (() => {
      const last = new WeakMap<BackendVif, number>();
      return {
        respondControl(vif, request, { status, data = 0 }) {
          if (status === CTRL_STATUS.success && data > 0) last.set(vif, data);
          const stale = status === CTRL_STATUS.success ? data : (last.get(vif) ?? 0);
          correct.respondControl(vif, request, { status, data: stale });
        },
      } satisfies Defect['backend'];
    })(),
  },
];
