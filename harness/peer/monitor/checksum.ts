/** netif.h, "Checksum offload": checks the checksum flags of a packet against the packet. */
import { transportOf } from '../../packet/frame.js';
import { KEY } from '../../protocol/netif.js';
import { type Judgement, type Rules, each, when } from './rule.js';
import type { Packet } from './situations.js';

export const CHECKSUM_RULES: Rules = {
  transmitted: [{ id: 'CSUM-15', judge: completeIfAsked }],
  delivered: [{ id: 'CSUM-02', judge: completeIfAsked }],
  packet: [
    {
      id: 'CSUM-04',
      judge: (packet) =>
        when(
          transportOf(packet.content)?.ip.version === 6 && !packet.receiver.has(KEY.featureIpv6CsumOffload),
          () => !isBlank(packet),
          () => 'an IPv6 packet with csum_blank to an end without feature-ipv6-csum-offload',
        ),
    },
    {
      id: 'CSUM-08',
      judge: (packet) =>
        when(
          knownTransport(packet) && packet.flags[0]?.dataValidated === true && !isBlank(packet),
          () => isComplete(packet) || isForwardedWrong(packet),
          () => 'a packet with data_validated alone whose checksum is not complete',
        ),
    },
    {
      id: 'CSUM-09',
      judge: (packet) =>
        when(
          isBlank(packet),
          () => packet.flags[0]?.dataValidated === true,
          () => 'csum_blank without data_validated',
        ),
    },
    {
      id: 'CSUM-10',
      judge: (packet) =>
        when(
          knownTransport(packet) && packet.flags[0]?.dataValidated === false && !isBlank(packet),
          () => isComplete(packet) || isForwardedWrong(packet),
          () => 'a packet without checksum flags whose checksum is not complete',
        ),
    },
    {
      id: 'CSUM-13',
      judge: ({ flags }) =>
        each(flags.slice(1), ({ csumBlank, dataValidated }, n) =>
          when(
            true,
            () => !csumBlank && !dataValidated,
            () => `fragment ${n + 1} has checksum flags`,
          ),
        ),
    },
    {
      id: 'CSUM-14',
      judge: (packet) =>
        when(
          isOther(packet),
          // A bridge may pass on the flags of its other side.
          () => !isBlank(packet) || (packet.forwarded && packet.wasBlank()),
          () => `csum_blank on ${packet.content?.kind}`,
        ),
    },
  ],
};

/** A packet to an end with feature-no-csum-offload has complete checksums. */
function completeIfAsked(packet: Packet): Judgement {
  return when(
    transportOf(packet.content)?.ip.version === 4 && packet.receiver.has(KEY.featureNoCsumOffload),
    () => !isBlank(packet),
    () => 'an IPv4 packet with csum_blank to an end with feature-no-csum-offload',
  );
}

const isBlank = ({ flags }: Packet): boolean => flags[0]?.csumBlank === true;

/** A packet with a checksum that the guest's own stack made, or a peer. */
const knownTransport = (packet: Packet): boolean =>
  (packet.own || packet.forwarded) && ![undefined, 'none'].includes(transportOf(packet.content)?.header.checksum);

const isComplete = (packet: Packet): boolean => transportOf(packet.content)?.header.checksum === 'complete';

/** A packet that was wrong before: the driver need not verify it. */
const isForwardedWrong = ({ forwarded, isSpoiled }: Packet): boolean => forwarded && isSpoiled();

/** Whether the packet is known to be neither TCP nor UDP. */
const isOther = ({ content }: Packet): boolean =>
  content !== undefined && ['arp', 'icmp', 'icmpv6'].includes(content.kind);
