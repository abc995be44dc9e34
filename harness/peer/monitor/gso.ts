/** netif.h, "Large packets": GSO extras, and packets that need one. */
import { ETHER_TYPE, ETHERNET_HEADER, VLAN_TAG } from '../../packet/ethernet.js';
import type { ExtraGso } from '../../protocol/extra.js';
import { GSO_TYPE, KEY } from '../../protocol/netif.js';
import { type Rules, when } from './rule.js';
import type { Packet } from './situations.js';

/** The key with which an end advertises support for a type of GSO. */
const KEY_OF: Readonly<Record<number, string>> = {
  [GSO_TYPE.tcpv4]: KEY.featureGsoTcpv4,
  [GSO_TYPE.tcpv6]: KEY.featureGsoTcpv6,
};

export const GSO_RULES: Rules = {
  packet: [
    {
      id: 'GSO-01',
      judge: (packet) =>
        ofGso(
          packet,
          ({ gsoType }) => packet.receiver.has(KEY_OF[gsoType] ?? ''),
          ({ gsoType }) => `a GSO extra of type ${gsoType} to an end that does not advertise it`,
        ),
    },
    {
      id: 'GSO-04',
      judge: (packet) =>
        ofGso(
          packet,
          ({ size }) => size > 0,
          () => 'a GSO extra of size 0',
        ),
    },
    {
      id: 'GSO-05',
      judge: (packet) => {
        const { content } = packet;
        if (content?.kind !== 'tcp') return undefined;
        const { version } = content.ip;
        return ofGso(
          packet,
          ({ gsoType }) => gsoType === (version === 4 ? GSO_TYPE.tcpv4 : GSO_TYPE.tcpv6),
          ({ gsoType }) => `a GSO extra of type ${gsoType} on TCP over IPv${version}`,
        );
      },
    },
    {
      id: 'GSO-08',
      judge: (packet) =>
        ofGso(
          packet,
          () => packet.flags[0]?.csumBlank === true,
          () => 'a GSO packet without csum_blank',
        ),
    },
    {
      id: 'GSO-09',
      judge: (packet) =>
        ofGso(
          packet,
          ({ features }) => features === 0,
          ({ features }) => `a GSO extra with the features ${features}`,
        ),
    },
    {
      id: 'GSO-13',
      judge: (packet) => {
        const largest = ETHERNET_HEADER + tagBytes(packet.frame) + packet.mtu;
        return when(
          gsoOf(packet) === undefined && !packet.forwarded && !packet.flags.some(({ gsoPrefix }) => gsoPrefix),
          () => packet.frame.length <= largest,
          () => `a frame of ${packet.frame.length} bytes without a GSO extra, where the MTU is ${packet.mtu}`,
        );
      },
    },
  ],
  delivered: [
    {
      id: 'GSO-10',
      judge: ({ flags, receiver }) =>
        when(
          !receiver.has('feature-gso-tcpv4-prefix') && !receiver.has('feature-gso-tcpv6-prefix'),
          () => flags.every(({ gsoPrefix }) => !gsoPrefix),
          () => 'gso_prefix to a frontend that does not advertise it',
        ),
    },
  ],
  frontendKeys: [{ id: 'GSO-12', judge: ({ own }) => gsoWithSg(own) }],
  backendKeys: [{ id: 'GSO-12', judge: ({ own }) => gsoWithSg(own) }],
};

/** Bytes of VLAN tags in the largest frame: of one, which another end may remove, or of the two that a frame has. */
function tagBytes(frame: Uint8Array): number {
  const isTag = (at: number): boolean => TAGS.includes(((frame[at] ?? 0) << 8) | (frame[at + 1] ?? 0));
  return isTag(12) && isTag(12 + VLAN_TAG) ? 2 * VLAN_TAG : VLAN_TAG;
}

const TAGS: readonly number[] = [ETHER_TYPE.vlan, ETHER_TYPE.serviceVlan];

const gsoOf = ({ extras }: Packet): ExtraGso | undefined => extras.find((extra) => extra.type === 'gso');

/** Judges the GSO extra of a packet that has one. */
const ofGso = (packet: Packet, kept: (gso: ExtraGso) => boolean, broken: (gso: ExtraGso) => string) => {
  const gso = gsoOf(packet);
  return (
    gso &&
    when(
      true,
      () => kept(gso),
      () => broken(gso),
    )
  );
};

const gsoWithSg = (own: { has(key: string): boolean }) =>
  when(
    own.has(KEY.featureGsoTcpv4) || own.has(KEY.featureGsoTcpv6),
    () => own.has(KEY.featureSg),
    () => 'GSO is advertised without feature-sg',
  );
