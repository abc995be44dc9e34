/** Frontends that go through the states of xenbus, and publish their keys, in another way. */
import { KEY } from '../../../protocol/netif.js';
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { LegalDriver } from '../legal.js';
import { featuresEarly, keys } from '../support/frontend-features.js';
import * as walks from '../support/frontend-walks.js';

export const XENBUS: readonly LegalDriver[] = [
  {
    id: 'frontend.straight-to-connected',
    choice: 'goes from Initialising to Connected, without Initialised',
    source: 'Linux xen-netfront.c, netback_changed (008f05a72d32)',
    frontend: walks.straight,
  },
  {
    id: 'frontend.publishes-unasked',
    choice: 'publishes its rings without waiting for InitWait or for feature-rx-copy',
    source: 'OpenBSD if_xnf.c, xnf_attach (02808233fed8); Unikraft netfront_xs.c, netfront_xb_connect (e61956166a4d)',
    warns: ['XB-07', 'XB-28', 'XB-31'],
    frontend: { ...walks.straight, ...walks.unasked },
  },
  {
    id: 'frontend.any-backend',
    choice: 'waits for InitWait, but not for feature-rx-copy',
    source: 'iPXE netfront.c, netfront_open (0c4e8c47bcc3)',
    warns: ['XB-31'],
    frontend: walks.anyBackend,
  },
  {
    id: 'frontend.keys-with-state',
    choice: 'writes keys and state in one transaction',
    source: 'mini-os netfront.c, _init_netfront (0e55c583a0f4)',
    warns: ['XB-35'],
    frontend: walks.together,
  },
  {
    id: 'frontend.keys-one-by-one',
    choice: 'writes key after key, without a transaction, the rings last',
    source: 'iPXE netfront.c, netfront_open (0c4e8c47bcc3)',
    warns: ['XB-35'],
    frontend: walks.singly,
  },
  {
    id: 'frontend.features-early',
    choice: 'writes its features before the backend is in InitWait',
    source: 'xenbus.h, enum xenbus_state: does not say when keys are written',
    frontend: featuresEarly(),
  },
  {
    id: 'frontend.removes-keys',
    choice: 'removes its keys after Closed',
    source: 'mini-os netfront.c, _shutdown_netfront (0e55c583a0f4); iPXE netfront.c, netfront_close (0c4e8c47bcc3)',
    frontend: walks.removesKeys,
  },
  {
    id: 'frontend.unknown-keys',
    choice: 'writes keys that no header defines',
    source: 'NetBSD if_xennet_xenbus.c, xennet_talk_to_backend: vifname (002e4a728cbf)',
    frontend: keys({ vifname: 'xennet0', 'feature-rx-flip': '0', 'feature-smart-poll': '0', 'vendor-note': 'a b' }),
  },
  {
    id: 'frontend.zero-keys',
    choice: 'writes 0 for each feature that it lacks',
    source: 'mirage-net-xen frontend.ml, plug_inner (04b440cd6456)',
    frontend: keys({
      [KEY.featureNoCsumOffload]: '0',
      [KEY.featureIpv6CsumOffload]: '0',
      [KEY.featureGsoTcpv4]: '0',
      [KEY.featureGsoTcpv6]: '0',
      [KEY.requestMulticastControl]: '0',
    }),
  },
  {
    id: 'frontend.slow-walk',
    choice: 'needs 100 ms for each change of its state',
    source: 'xenbus.h, enum xenbus_state: sets no time',
    frontend: walks.slowly(100),
  },
  {
    id: 'frontend.slowest-walk',
    choice: 'needs a second for each change of its state',
    source: 'xenbus.h, enum xenbus_state: sets no time',
    frontend: walks.slowly(1000),
  },
  {
    id: 'frontend.closed-at-once',
    choice: 'goes to Closed without Closing',
    source: 'FreeBSD netfront.c, netfront_backend_changed (2d614aa2fe3e)',
    frontend: walks.closesAtOnce,
  },
  {
    id: 'frontend.closes-on-closing',
    choice: 'closes when the backend is Closing, and ignores a backend that goes straight to Closed',
    source: 'FreeBSD netfront.c, netfront_backend_changed (2d614aa2fe3e)',
    warns: ['XB-32'],
    frontend: walks.closesOnClosing(correct),
  },
  {
    id: 'frontend.never-closes',
    choice: 'keeps its connection until its directory is removed',
    source: 'OpenBSD if_xnf.c (02808233fed8) and Unikraft netfront_xs.c (e61956166a4d): nothing watches the backend',
    warns: ['XB-15', 'XB-32'],
    frontend: walks.neverCloses,
  },
  {
    id: 'frontend.closes-offline',
    choice: 'closes with a backend that is in Closing and has online = 0',
    source: 'win-xenvif frontend.c, FrontendEject (0065df612e57)',
    frontend: walks.closesOffline,
  },
  {
    id: 'frontend.closes-when-answered',
    choice: 'stays in Closing until the backend has responded to all requests',
    source: 'NetBSD if_xennet_xenbus.c, xennet_xenbus_detach (002e4a728cbf)',
    warns: ['XB-15', 'ROB-02'],
    frontend: walks.closesWhenAnswered,
  },
  {
    id: 'frontend.closes-last',
    choice: 'stays in Closing until the backend is Closed',
    source: 'xenbus.h, enum xenbus_state: does not say which end is Closed first',
    warns: ['XB-15'],
    frontend: walks.closesLast,
  },
  {
    id: 'frontend.waits-in-init-wait',
    choice: 'goes to InitWait itself until the backend is there',
    source: 'xenbus.h, enum xenbus_state: InitWait is a state of either end',
    frontend: walks.viaInitWait,
  },
  {
    id: 'frontend.starts-over-by-closed',
    choice: 'goes to Closed and starts again if the backend is past InitWait at the start',
    source: 'iPXE netfront.c, netfront_reset (0c4e8c47bcc3)',
    frontend: walks.startsOver('closed'),
  },
  {
    id: 'frontend.starts-over-by-closing',
    choice: 'goes through Closing and Closed if the backend is past InitWait at the start',
    source: 'win-xenvif frontend.c, FrontendPrepare (0065df612e57)',
    frontend: walks.startsOver('closing'),
  },
  {
    id: 'frontend.ignores-carrier',
    choice: 'reports a carrier whatever the backend says',
    source: 'Linux xen-netfront.c (008f05a72d32) does not read the node',
    warns: ['LINK-03'],
    frontend: { followCarrier: () => Promise.resolve() },
  },
  {
    id: 'frontend.does-not-wait-in-initialised',
    choice: 'goes to Initialised and at once to Connected',
    source: 'xenbus.h, enum xenbus_state: Initialised; it does not say what ends the wait',
    warns: ['XB-03'],
    frontend: walks.throughInitialised,
  },
  {
    id: 'frontend.connects-slowly',
    choice: 'connects a second after the backend is in InitWait, one vif after the other',
    source: 'xenbus.h sets no time limits',
    frontend: walks.connectsLate(1000),
  },
];
