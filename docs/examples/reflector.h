/* SPDX-License-Identifier: MIT */
/* The smallest network stack with which netifspec can test a frontend: it replies to ARP, neighbour solicitations, pings
 * and TCP connections. It keeps no state, so that one function serves all interfaces. */
#ifndef REFLECTOR_H
#define REFLECTOR_H

#include <stdint.h>

/* The longest reply: a frame of the largest size that netif.h allows. */
#define REFLECTOR_FRAME_MAX 65535

/* Handles a frame that the interface with this MAC address has received, and writes the reply to `out`, which has room
 * for REFLECTOR_FRAME_MAX bytes. Returns its length, or 0 if there is no reply. `csum_blank`: the checksum of TCP is
 * to be ignored (NETRXF_csum_blank). */
uint32_t reflector_reply(const uint8_t mac[6], const uint8_t *frame, uint32_t length, int csum_blank, uint8_t *out);

#endif
