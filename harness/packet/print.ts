import { printFlags } from '../bytes/codec.js';
import { formatIpv4, formatIpv6, formatMac } from './address.js';
import { ARP_REPLY, ARP_REQUEST } from './arp.js';
import type { Arp } from './arp.js';
import { decodeFrame } from './frame.js';
import type { Frame } from './frame.js';
import { decodeEcho, ICMP_TYPE, ICMPV6_TYPE } from './icmp.js';
import type { Icmp } from './icmp.js';
import { isFragment } from './ipv4.js';
import type { Ipv4 } from './ipv4.js';
import type { Ipv6 } from './ipv6.js';
import { decodeNeighbour, isNeighbourType } from './neighbour.js';
import { TCP_FLAG } from './tcp.js';
import type { Tcp } from './tcp.js';

/** One line for a trace in the style of tcpdump: addresses, type, lengths, and errors. */
export function printFrame(bytes: Uint8Array): string {
  const frame = decodeFrame(bytes);
  if (!frame.ok) return `malformed frame of ${bytes.length} bytes: ${frame.reason}`;
  const { source, destination } = frame.value.ethernet;
  return `${formatMac(source)} > ${formatMac(destination)} ${describe(frame.value)}`;
}

function describe(frame: Frame): string {
  switch (frame.kind) {
    case 'arp':
      return `ARP ${describeArp(frame.arp)}`;
    case 'icmp':
    case 'icmpv6':
      return `${describeIp(frame.ip)}: ${describeIcmp(frame.kind, frame.icmp)}${fault(frame.icmp.checksum)}`;
    case 'tcp':
      return `${describeIp(frame.ip, frame.tcp)}: TCP ${describeTcp(frame.tcp)}${fault(frame.tcp.checksum)}`;
    case 'udp':
      return `${describeIp(frame.ip, frame.udp)}: UDP, length ${frame.udp.payload.length}${fault(frame.udp.checksum)}`;
    case 'ip':
      return `${describeIp(frame.ip)}: ${describeOtherIp(frame.ip)}, length ${frame.ip.payload.length}`;
    case 'other':
      return `type 0x${frame.ethernet.etherType.toString(16).padStart(4, '0')}, length ${frame.ethernet.payload.length}`;
  }
}

function describeArp(arp: Arp): string {
  const sender = formatIpv4(arp.senderIpv4);
  if (arp.operation === ARP_REQUEST) return `who-has ${formatIpv4(arp.targetIpv4)} tell ${sender}`;
  if (arp.operation === ARP_REPLY) return `${sender} is-at ${formatMac(arp.senderMac)}`;
  return `operation ${arp.operation} from ${sender}`;
}

function describeIp(ip: Ipv4 | Ipv6, ports?: { sport: number; dport: number }): string {
  const format = ip.version === 4 ? formatIpv4 : formatIpv6;
  const [from, to] = ports ? [`.${ports.sport}`, `.${ports.dport}`] : ['', ''];
  const name = ip.version === 4 ? `IP${ip.checksum === 'corrupt' ? ' (bad header checksum)' : ''}` : 'IP6';
  return `${name} ${format(ip.source)}${from} > ${format(ip.destination)}${to}`;
}

function describeOtherIp(ip: Ipv4 | Ipv6): string {
  if (ip.version === 6) return `next header ${ip.nextHeader}`;
  return isFragment(ip) ? `fragment at ${ip.fragmentOffset * 8} of protocol ${ip.protocol}` : `protocol ${ip.protocol}`;
}

function describeIcmp(kind: 'icmp' | 'icmpv6', message: Icmp): string {
  const { type, code, body } = message;
  const name = kind === 'icmp' ? 'ICMP' : 'ICMPv6';
  const types = kind === 'icmp' ? ICMP_TYPE : ICMPV6_TYPE;
  if (type === types.echoRequest || type === types.echoReply) {
    const echo = decodeEcho(body);
    if (!echo.ok) return `${name} malformed: ${echo.reason}`;
    const { id, seq, payload } = echo.value;
    const way = type === types.echoRequest ? 'request' : 'reply';
    return `${name} echo ${way}, id ${id}, seq ${seq}, length ${payload.length}`;
  }
  if (kind === 'icmpv6' && isNeighbourType(type)) {
    const neighbour = decodeNeighbour(type, body);
    if (!neighbour.ok) return `${name} malformed: ${neighbour.reason}`;
    const target = formatIpv6(neighbour.value.target);
    const mac = neighbour.value.mac ? formatMac(neighbour.value.mac) : 'unsaid';
    return type === ICMPV6_TYPE.neighbourSolicitation
      ? `${name} who-has ${target}, from ${mac}`
      : `${name} ${target} is-at ${mac}`;
  }
  return `${name} type ${type} code ${code}, length ${body.length}`;
}

function describeTcp(tcp: Tcp): string {
  return `${printFlags(TCP_FLAG, tcp.flags)}, seq ${tcp.seq}, ack ${tcp.ack}, length ${tcp.payload.length}`;
}

function fault(checksum: string): string {
  return checksum === 'complete' ? '' : ` (${checksum} checksum)`;
}
