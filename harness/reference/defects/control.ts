/** Defects of the control ring of the reference backend. */
import { CTRL_STATUS, CTRL_TYPE, KEY } from '../../protocol/netif.js';
import { CTRL_RING } from '../../protocol/ring.js';
import { BACKEND_STEPS as correct } from '../backend-steps.js';
import type { Defect } from './defect.js';
import { mortality } from './mortal.js';

export const CONTROL_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.control.value',
    breaks: 'CTRL-01',
    fault: 'advertises the control ring as 2',
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
    breaks: 'CTRL-06',
    fault: 'stops serving every vif when it finds half of the keys',
    seen: 'Linux xen-netback crashed on a frontend without event-channel-ctrl (fixed by 4e15ee2cb4)',
    backend: (() => {
      const { die, serves } = mortality();
      return {
        async connect(vif) {
          const keys = await Promise.all([KEY.ctrlRingRef, KEY.eventChannelCtrl].map((key) => vif.frontendKey(key)));
          await correct.connect(vif);
          if (keys.filter((key) => key !== undefined).length !== 1) return;
          serves(vif);
          die();
        },
        serve: (vif, queue) => (serves(vif) ? correct.serve(vif, queue) : undefined),
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.control.deaf-at-first',
    breaks: 'CTRL-17',
    fault: 'skips the requests that are there when it connects',
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
    fault: 'answers only what it knows',
    backend: {
      respondControl(vif, request, answer) {
        if (answer.status !== CTRL_STATUS.notSupported) correct.respondControl(vif, request, answer);
      },
    },
  },
  {
    id: 'backend.control.byte-id',
    breaks: 'CTRL-09',
    fault: 'keeps thirteen bits of an id',
    backend: {
      respondControl: (vif, request, answer) =>
        correct.respondControl(vif, { ...request, id: request.id & 0x1fff }, answer),
    },
  },
  {
    id: 'backend.control.invalid-for-unknown',
    breaks: 'CTRL-10',
    fault: 'answers INVALID_PARAMETER to a type that it does not know',
    backend: {
      respondControl: (vif, request, answer) =>
        correct.respondControl(vif, request, {
          ...answer,
          status: answer.status === CTRL_STATUS.notSupported ? CTRL_STATUS.invalidParameter : answer.status,
        }),
    },
  },
  {
    id: 'backend.control.stray-data',
    breaks: 'CTRL-11',
    fault: "leaves the request's first word in the response's data",
    backend: {
      respondControl: (vif, request, answer) =>
        correct.respondControl(vif, request, { data: request.type + 1, ...answer }),
    },
  },
  {
    id: 'backend.control.strict-words',
    breaks: 'CTRL-13',
    fault: 'answers BUFFER_OVERFLOW when a word that should be 0 is not',
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
    fault: 'takes a full ring for an overflow',
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
    fault: 'asks for no more events after a few requests',
    backend: {
      serveControl(vif) {
        const { control } = vif;
        if (control && control.ring.reqCons > 4) control.ring.finalCheck = () => ({ ok: true, value: false });
        correct.serveControl(vif);
      },
    },
  },
  {
    id: 'backend.control.always-notifies',
    breaks: 'NOTIFY-11',
    fault: 'notifies of every control response, whatever the event index says',
    backend: {
      serveControl(vif) {
        correct.serveControl(vif);
        if (vif.control) vif.domain.events.notify(vif.control.port);
      },
    },
  },
  {
    id: 'backend.control.trusts-index',
    breaks: 'CTRL-16',
    fault: 'dies of an index beyond the ring, with every vif',
    backend: (() => {
      const { die, serves } = mortality();
      return {
        serveControl(vif) {
          if (vif.control?.ring.unconsumed().ok === false) die();
          correct.serveControl(vif);
        },
        serve: (vif, queue) => (serves(vif) ? correct.serve(vif, queue) : undefined),
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.control.starved',
    breaks: 'CTRL-18',
    fault: 'serves control requests only while no data waits',
    backend: {
      serveControl(vif) {
        const busy = vif.queues.some(({ tx }) => tx.reqCons > 100);
        if (!busy) correct.serveControl(vif);
      },
    },
  },
  {
    id: 'backend.control.keeps-ring',
    breaks: 'CTRL-20',
    fault: 'keeps the control ring mapped when it closes',
    backend: {
      closeControl(vif) {
        if (vif.control) vif.pump.off(vif.control.port);
        vif.control = undefined;
      },
    },
  },
];
