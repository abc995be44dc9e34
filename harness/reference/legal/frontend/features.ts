/** Frontends that lack features, or use them in another way. */
import { CTRL_TYPE, KEY } from '../../../protocol/netif.js';
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { LegalDriver } from '../legal.js';
import * as features from '../support/frontend-features.js';
import { blankAlone, blankReplies, dummiesWithoutPage, noOffload, vouches } from '../support/frontend-packets.js';
import { quietRx, rxBuffers } from '../support/frontend-rings.js';

const { keys, without } = features;
const NO_CSUM = keys({
  [KEY.featureNoCsumOffload]: '1',
  [KEY.featureGsoTcpv4]: undefined,
  [KEY.featureGsoTcpv6]: undefined,
});

export const FEATURES: readonly LegalDriver[] = [
  {
    id: 'frontend.bare',
    choice: 'writes no key but those of its rings and request-rx-copy, and uses no offered feature',
    source: 'mini-os netfront.c, _init_netfront (0e55c583a0f4)',
    frontend: {
      ...features.onlyKeys({ [KEY.requestRxCopy]: '1' }),
      ...features.only(),
      ...features.oneQueue,
      ...noOffload,
    },
  },
  {
    id: 'frontend.no-sg',
    choice: 'has no feature-sg and keeps 8 rx buffers posted',
    source: 'netif.h, "Guest receive": sets no number of rx requests',
    frontend: {
      ...keys({ [KEY.featureSg]: undefined, [KEY.featureGsoTcpv4]: undefined, [KEY.featureGsoTcpv6]: undefined }),
      ...rxBuffers(8),
    },
  },
  {
    id: 'frontend.no-gso',
    choice: 'receives and sends no GSO packets',
    source: 'NetBSD if_xennet_xenbus.c (002e4a728cbf) knows no GSO',
    frontend: {
      ...keys({ [KEY.featureGsoTcpv4]: undefined, [KEY.featureGsoTcpv6]: undefined }),
      ...without(KEY.featureGsoTcpv4, KEY.featureGsoTcpv6),
    },
  },
  {
    id: 'frontend.gso-v4-only',
    choice: 'receives and sends GSO packets over IPv4 only',
    source: 'FreeBSD netfront.c, talk_to_backend (2d614aa2fe3e)',
    frontend: { ...keys({ [KEY.featureGsoTcpv6]: undefined }), ...without(KEY.featureGsoTcpv6) },
  },
  {
    id: 'frontend.gso-v6-only',
    choice: 'receives and sends GSO packets over IPv6 only',
    source: 'netif.h, "feature-gso-tcpv4": either form may be given',
    frontend: { ...keys({ [KEY.featureGsoTcpv4]: undefined }), ...without(KEY.featureGsoTcpv4) },
  },
  {
    id: 'frontend.no-csum-offload',
    choice: 'requires complete checksums, and completes those that it sends',
    source: 'iPXE netfront.c, netfront_open (0c4e8c47bcc3)',
    frontend: { ...NO_CSUM, ...noOffload },
  },
  {
    id: 'frontend.no-ipv6-csum',
    choice: 'accepts blank checksums over IPv4 only',
    source: 'FreeBSD netfront.c, talk_to_backend (2d614aa2fe3e)',
    frontend: keys({ [KEY.featureIpv6CsumOffload]: undefined, [KEY.featureGsoTcpv6]: undefined }),
  },
  {
    id: 'frontend.completes-checksums',
    choice: 'leaves no checksum blank and sends no large packet',
    source: 'netif.h, "feature-no-csum-offload": says what is acceptable, not what is sent',
    frontend: noOffload,
  },
  {
    id: 'frontend.blank-replies',
    choice: 'leaves the checksums of TCP of its own stack blank',
    source: 'Linux xen-netfront.c, xennet_start_xmit: CHECKSUM_PARTIAL (008f05a72d32)',
    frontend: blankReplies,
  },
  {
    id: 'frontend.blind-to-no-csum-offload',
    choice: 'leaves checksums blank whatever the backend wants',
    source: "Linux xen-netfront.c (008f05a72d32) does not read the backend's feature-no-csum-offload",
    warns: ['CSUM-15'],
    frontend: { ...blankReplies, ...without(KEY.featureNoCsumOffload) },
  },
  {
    id: 'frontend.vouches',
    choice: 'flags every packet with data_validated',
    source: 'iPXE netfront.c, netfront_transmit (0c4e8c47bcc3)',
    frontend: vouches,
  },
  {
    id: 'frontend.blank-alone',
    choice: 'flags a blank checksum with csum_blank only',
    source: 'NetBSD if_xennet_xenbus.c, xennet_submit_tx_request (002e4a728cbf)',
    warns: ['CSUM-09'],
    frontend: { ...blankAlone, ...blankReplies },
  },
  {
    id: 'frontend.no-rx-notify',
    choice: 'neither writes feature-rx-notify nor notifies for rx buffers',
    source: 'netif.h, "feature-rx-notify": a frontend may leave it out',
    frontend: { ...keys({ [KEY.featureRxNotify]: undefined }), ...quietRx },
  },
  {
    id: 'frontend.one-channel',
    choice: 'has one event channel for both rings',
    source: 'netif.h, "feature-split-event-channels": a frontend may write event-channel as before',
    frontend: without(KEY.featureSplitEventChannels),
  },
  {
    id: 'frontend.one-queue',
    choice: 'does not support several queues',
    source: 'Linux 3.10 xen-netfront.c, talk_to_netback',
    frontend: features.oneQueue,
  },
  {
    id: 'frontend.one-queue-counted',
    choice: 'writes multi-queue-num-queues = 1 to every backend',
    source: 'Unikraft netfront_xs.c, netfront_xb_front_init (e61956166a4d)',
    frontend: { ...features.queues(1), ...features.countAlways },
  },
  {
    id: 'frontend.count-if-several',
    choice: 'writes multi-queue-num-queues only if it has several queues',
    source: 'FreeBSD netfront.c, talk_to_backend (2d614aa2fe3e)',
    frontend: features.countIfSeveral,
  },
  {
    id: 'frontend.two-queues',
    choice: 'uses two queues at most',
    source: 'netif.h, "Multiple transmit and receive queues": the number is the frontend\'s wish',
    frontend: features.queues(2),
  },
  {
    id: 'frontend.eight-queues',
    choice: 'uses as many queues as are offered, each with one event channel',
    source: 'FreeBSD netfront.c, setup_device (2d614aa2fe3e)',
    frontend: { ...features.queues(64), ...without(KEY.featureSplitEventChannels) },
  },
  {
    id: 'frontend.no-multicast-control',
    choice: 'requests no multicast filter',
    source: 'Linux xen-netfront.c (008f05a72d32) does not know it',
    frontend: without(KEY.featureMulticastControl),
  },
  {
    id: 'frontend.multicast-dummies-without-page',
    choice: 'adds multicast groups by dummy requests of size 0, without a page',
    source: 'netif.h, "feature-multicast-control": a dummy transmit request',
    frontend: dummiesWithoutPage,
  },
  {
    id: 'frontend.no-control-ring',
    choice: 'provides no control ring',
    source: 'Linux xen-netfront.c (008f05a72d32) does not know it',
    frontend: without(KEY.featureCtrlRing),
  },
  {
    id: 'frontend.silent-control-ring',
    choice: 'provides a control ring and sends no request',
    source: 'netif.h, "Control ring": the backend is asked for what the frontend wants',
    frontend: { configure: () => Promise.resolve() },
  },
  {
    id: 'frontend.hash-alone',
    choice: 'enables hashing, maps no grants, and starts its ids at another value',
    source: 'win-xenvif controller.c, ControllerSetHashAlgorithm and others',
    frontend: {
      configure: (vif) => vif.steps.configureHash(vif),
      openControl(vif) {
        const ctrl = correct.openControl(vif);
        if (vif.control) vif.control.nextId = 0xfff8;
        return ctrl;
      },
    },
  },
  {
    id: 'frontend.gref-mapping-alone',
    choice: 'maps grants and does not enable hashing, one queue after the other',
    source: 'netif.h, "Control messages": all of them are optional',
    frontend: {
      async configure(vif) {
        for (const queue of vif.queues) await vif.steps.mapBuffers(vif, queue);
      },
    },
  },
  {
    id: 'frontend.hash-off',
    choice: 'sets the hash algorithm to NONE',
    source: 'win-xenvif frontend.c, __FrontendUpdateHash: ALGORITHM_UNSPECIFIED (0065df612e57)',
    frontend: {
      async configure(vif) {
        await vif.steps.ask(vif, CTRL_TYPE.setHashAlgorithm, 0);
      },
    },
  },
  {
    id: 'frontend.no-staging',
    choice: 'offers no staging grants',
    source: 'every frontend but that of Oracle UEK4',
    frontend: without(KEY.featureStagingGrants),
  },
  {
    id: 'frontend.large-pools',
    choice: 'offers staging pools of 1 and of 512 entries',
    source: 'UEK4 netif.h, "Grant Allocation": up to XEN_EXT_MAX_GREF_ALLOC entries',
    frontend: {
      fillPools(queue) {
        queue.txPool.fill(1);
        queue.rxPool.fill(512);
      },
    },
  },
];
