/* SPDX-License-Identifier: MIT */
#include "reflector.h"

#include <string.h>

enum { ETHERNET = 14, IPV4 = 20, IPV6 = 40, NO_OPTIONS = 0x45 };
enum { ICMP = 1, TCP = 6, ICMPV6 = 58 };
enum { SYN = 2, RST = 4, ACK = 16 };

static uint32_t get16(const uint8_t *at)
{
    return at[0] << 8 | at[1];
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = value >> 8;
    at[1] = value;
}

/* The Internet checksum of some bytes, after a start value (RFC 1071); 0 if they hold a correct one. */
static uint16_t checksum(uint32_t sum, const uint8_t *bytes, uint32_t length)
{
    for (; length > 1; length -= 2, bytes += 2)
        sum += get16(bytes), sum = (sum & 0xffff) + (sum >> 16);
    if (length > 0)
        sum += bytes[0] << 8;
    sum = (sum & 0xffff) + (sum >> 16);
    return ~(sum + (sum >> 16));
}

/* The start value for a message above IP: its pseudo header, with `size` bytes of addresses at `addresses`. */
static uint32_t pseudo(const uint8_t *addresses, uint32_t size, uint32_t protocol, uint32_t length)
{
    return (uint16_t)~checksum(protocol + (length & 0xffff) + (length >> 16), addresses, size);
}

static void swap(uint8_t *one, uint8_t *other, uint32_t size)
{
    for (; size > 0; size--, one++, other++) {
        uint8_t byte = *one;
        *one = *other;
        *other = byte;
    }
}

/* 198.18.x.2: the addresses that netifspec gives to guests (RFC 2544). */
static int is_my_ipv4(const uint8_t *ip)
{
    return ip[0] == 198 && (ip[1] & 0xfe) == 18 && ip[3] == 2;
}

/* The link-local address that is made of the MAC (RFC 4291, appendix A). */
static int is_my_ipv6(const uint8_t *mac, const uint8_t *ip)
{
    const uint8_t own[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]};
    return memcmp(ip, own, 16) == 0;
}

/* Turns an ARP request for an address of this guest into the reply. */
static uint32_t arp(const uint8_t *mac, uint8_t *out, uint32_t length)
{
    uint8_t *body = out + ETHERNET;
    if (length < ETHERNET + 28 || get16(body + 6) != 1 || !is_my_ipv4(body + 24))
        return 0;
    put16(body + 6, 2);
    swap(body + 8, body + 18, 10);
    memcpy(body + 8, mac, 6);
    return ETHERNET + 28;
}

/* Turns a TCP segment without RST into the reset in reply to it (RFC 9293, 3.10.7.1). Returns the length of the reset. */
static uint32_t reset(uint8_t *tcp, uint32_t length)
{
    uint32_t flags = tcp[13], header = tcp[12] >> 4 << 2;
    if (length < 20 || header > length || (flags & (SYN | ACK | RST)) != SYN)
        return 0;
    uint32_t acknowledged = (get16(tcp + 4) << 16 | get16(tcp + 6)) + 1 + length - header;
    swap(tcp, tcp + 2, 2);
    memset(tcp + 4, 0, 16);
    put16(tcp + 8, acknowledged >> 16);
    put16(tcp + 10, acknowledged);
    tcp[12] = 5 << 4;
    tcp[13] = RST | ACK;
    return 20;
}

/* Turns a neighbour solicitation, whose IP addresses are swapped already, into the advertisement (RFC 4861, 7.2.4). */
static uint32_t advertise(const uint8_t *mac, uint8_t *addresses, uint8_t *icmp)
{
    memcpy(addresses, icmp + 8, 16);
    icmp[0] = 136;
    icmp[4] = 0x60; /* solicited, override */
    icmp[24] = 2;   /* the option with this MAC */
    icmp[25] = 1;
    memcpy(icmp + 26, mac, 6);
    return 32;
}

uint32_t reflector_reply(const uint8_t mac[6], const uint8_t *frame, uint32_t length, int csum_blank, uint8_t *out)
{
    uint8_t *ip = out + ETHERNET;
    if (length < ETHERNET + IPV4 || length > REFLECTOR_FRAME_MAX || (frame[6] & 1) != 0)
        return 0;
    if ((frame[0] & 1) == 0 && memcmp(frame, mac, 6) != 0)
        return 0;
    memset(out, 0, ETHERNET + IPV6 + 32);
    memcpy(out, frame, length);
    memcpy(out, frame + 6, 6);
    memcpy(out + 6, mac, 6);
    uint32_t type = get16(out + 12), version = type == 0x0800 ? 4 : 6;
    if (type == 0x0806)
        return arp(mac, out, length);

    /* The addresses, the protocol and the message of an IP packet without options or extensions. */
    uint32_t head = version == 4 ? IPV4 : IPV6, size = version == 4 ? 8 : 32, protocol, total;
    uint8_t *addresses = ip + head - size, *message = ip + head;
    if (type == 0x0800 && ip[0] == NO_OPTIONS && checksum(0, ip, IPV4) == 0 && (get16(ip + 6) & 0x3fff) == 0) {
        protocol = ip[9];
        total = get16(ip + 2);
    } else if (type == 0x86dd && length >= ETHERNET + IPV6) {
        protocol = ip[6];
        total = IPV6 + get16(ip + 4);
    } else {
        return 0;
    }
    if (total < head + 8 || total > length - ETHERNET)
        return 0;
    uint32_t count = total - head, reply = 0, start = protocol == ICMP ? 0 : pseudo(addresses, size, protocol, count);
    if (!(protocol == TCP && csum_blank) && checksum(start, message, count) != 0)
        return 0;
    int solicits = version == 6 && protocol == ICMPV6 && message[0] == 135 && count >= 24 && ip[7] == 255 && ip[8] != 0;
    const uint8_t *wanted = solicits ? message + 8 : addresses + size / 2;
    if (!(version == 4 ? is_my_ipv4(wanted) : is_my_ipv6(mac, wanted)))
        return 0;
    swap(addresses, addresses + size / 2, size / 2);
    if (solicits) {
        reply = advertise(mac, addresses, message);
    } else if (version == 4 && protocol == ICMP && message[0] == 8) {
        message[0] = 0;
        reply = count;
    } else if (version == 6 && protocol == ICMPV6 && message[0] == 128) {
        message[0] = 129;
        reply = count;
    } else if (protocol == TCP) {
        reply = reset(message, count);
    }
    if (reply == 0)
        return 0;
    ip[version == 4 ? 8 : 7] = 255;
    put16(ip + (version == 4 ? 2 : 4), version == 4 ? head + reply : reply);
    if (version == 4) {
        put16(ip + 10, 0);
        put16(ip + 10, checksum(0, ip, IPV4));
    }
    uint8_t *sum = message + (protocol == TCP ? 16 : 2);
    put16(sum, 0);
    put16(sum, checksum(protocol == ICMP ? 0 : pseudo(addresses, size, protocol, reply), message, reply));
    return ETHERNET + head + reply;
}
