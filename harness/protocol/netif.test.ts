import { expect } from 'chai';
import * as netif from './netif.js';

describe('protocol/netif', () => {
  it("has the header's numbers", () => {
    const constants = Object.entries(netif).filter(
      ([name, value]) => name !== 'KEY' && name !== 'QUEUE_KEYS' && typeof value !== 'function',
    );
    expect(Object.fromEntries(constants)).to.deep.equal({
      TXF: { csumBlank: 1, dataValidated: 2, moreData: 4, extraInfo: 8 },
      RXF: { dataValidated: 1, csumBlank: 2, moreData: 4, extraInfo: 8, gsoPrefix: 16 },
      TX_BLANK: 3,
      RX_BLANK: 3,
      RSP: { dropped: -2, error: -1, okay: 0, null: 1 },
      MAX_TX_SIZE: 65535,
      NR_SLOTS_MIN: 18,
      EXTRA_TYPE: { none: 0, gso: 1, mcastAdd: 2, mcastDel: 3, hash: 4, xdp: 5 },
      EXTRA_FLAG_MORE: 1,
      GSO_TYPE: { none: 0, tcpv4: 1, tcpv6: 2 },
      MAX_XDP_HEADROOM: 32767,
      CTRL_TYPE: {
        invalid: 0,
        getHashFlags: 1,
        setHashFlags: 2,
        setHashKey: 3,
        getHashMappingSize: 4,
        setHashMappingSize: 5,
        setHashMapping: 6,
        setHashAlgorithm: 7,
        getGrefMappingSize: 8,
        addGrefMapping: 9,
        delGrefMapping: 10,
      },
      CTRL_STATUS: { success: 0, notSupported: 1, invalidParameter: 2, bufferOverflow: 3 },
      HASH_TYPE: { ipv4: 0, ipv4Tcp: 1, ipv6: 2, ipv6Tcp: 3 },
      HASH_FLAG: { ipv4: 1, ipv4Tcp: 2, ipv6: 4, ipv6Tcp: 8 },
      ALL_HASH_TYPES: 15,
      HASH_ALGORITHM: { none: 0, toeplitz: 1 },
      HASH_MAPPING_PER_PAGE: 1024,
      GREF_FLAG: { readonly: 1 },
      GREF_LIST_MAX: 512,
      EXT_GREF_FLAG: { readonly: 1 },
      EXT_MAX_GREF_ALLOC: 512,
    });
  });

  it('names the directory of a queue', () => {
    expect(netif.queueDirectory(0)).to.equal('queue-0');
    expect(netif.queueDirectory(10)).to.equal('queue-10');
  });

  it('has the names of the xenstore keys', () => {
    for (const [name, key] of Object.entries(netif.KEY)) {
      expect(key).to.equal(name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
    }
  });

  it('has every key of the protocol', () => {
    const keys = [
      'feature-split-event-channels multi-queue-max-queues feature-multicast-control feature-dynamic-multicast-control',
      'feature-ctrl-ring feature-staging-grants event-channel event-channel-tx event-channel-rx tx-ring-ref rx-ring-ref',
      'multi-queue-num-queues feature-rx-notify request-multicast-control ctrl-ring-ref event-channel-ctrl',
      'tx-pool-ref tx-pool-size rx-pool-ref rx-pool-size feature-no-csum-offload feature-ipv6-csum-offload',
      'feature-gso-tcpv4 feature-gso-tcpv6 state backend backend-id handle mac request-rx-copy feature-sg mtu trusted',
      'xdp-headroom frontend frontend-id online hotplug-status feature-rx-copy feature-rx-flip rate script carrier speed',
      'feature-xdp-headroom feature-gso-tcpv4-prefix feature-gso-tcpv6-prefix',
    ].flatMap((line) => line.split(' '));
    expect(Object.values(netif.KEY)).to.have.members(keys);
  });
});
