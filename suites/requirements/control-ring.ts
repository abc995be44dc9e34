import type { Requirement } from '../../harness/run/requirement.js';

/** The control ring. */
// prettier-ignore
export const CTRL: readonly Requirement[] = [
  { id: 'CTRL-01', side: 'backend', level: 'must', since: '162a81abb1',
    statement: 'A backend with a control ring writes feature-ctrl-ring = 1 in its directory of the vif.',
    source: 'netif.h, "Control ring"',
    lines: 'netif.h:160-163' },
  { id: 'CTRL-02', side: 'frontend', level: 'must', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement:
      'A frontend that provides a control ring writes both ctrl-ring-ref and event-channel-ctrl at the top level of ' +
      'its directory, however many queues it has.',
    source: 'netif.h, "Control ring"',
    lines: 'netif.h:165-168' },
  { id: 'CTRL-03', side: 'frontend', level: 'must', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement: 'The frontend writes ctrl-ring-ref and event-channel-ctrl before it goes to Connected.',
    source: 'netif.h, "Control ring"',
    lines: 'netif.h:172-173' },
  // Not a must: the header doesn't forbid it, and no backend objects.
  { id: 'CTRL-04', side: 'frontend', level: 'should', since: '162a81abb1',
    statement: 'The frontend writes no control ring keys for a backend without feature-ctrl-ring.',
    source: 'good practice: netif.h, "Control ring", makes the ring depend on the backend\'s ability' },
  { id: 'CTRL-05', side: 'backend', level: 'must', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement: "A backend that offers a control ring also connects a frontend that doesn't provide one.",
    source: 'netif.h, "Control ring"',
    lines: 'netif.h:160-161, 165' },
  { id: 'CTRL-06', side: 'backend', level: 'should', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement:
      "If only half of the control ring's keys are written, or its reference is invalid, the backend reports an " +
      'error or continues without the ring.',
    source: 'good practice: netif.h is silent on incomplete keys' },
  { id: 'CTRL-07', side: 'backend', level: 'must', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement: 'Every control request gets exactly one control response.',
    source: 'netif.h, "Control ring": balanced',
    lines: 'netif.h:175-177' },
  { id: 'CTRL-08', side: 'frontend', level: 'must', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement: 'Control responses may arrive in any order, and the frontend matches them by id.',
    source: 'netif.h, "Control ring": order of responses',
    lines: 'netif.h:178-179, 391' },
  { id: 'CTRL-09', side: 'backend', level: 'must', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement: "A control response repeats its request's id and type.",
    source: 'netif.h, "Control responses": id and type',
    lines: 'netif.h:391-392' },
  // Not a must: the header names no status for an unknown type; that there is a response is CTRL-07.
  { id: 'CTRL-10', side: 'backend', level: 'should', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement: 'The backend responds to a control request of unknown type with NOT_SUPPORTED or INVALID_PARAMETER.',
    source: 'good practice: netif.h, "Control messages", describes both statuses' },
  { id: 'CTRL-11', side: 'backend', level: 'should', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement: 'The backend sets the data of a control response to 0 if the message type defines no data.',
    source: 'netif.h, "Control responses": data; "Control messages"',
    note: 'Where the header itself says "data = 0", see CTRL-21.' },
  { id: 'CTRL-12', side: 'frontend', level: 'must', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement: 'The frontend sets the reserved data words of a control request to 0.',
    source: 'netif.h, "Control messages": requests',
    lines: 'netif.h:462-463, 486-488, 513-514, 543, 576-578, 602-603, 679-680' },
  { id: 'CTRL-13', side: 'backend', level: 'should', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement: 'The backend still responds to a control request with a non-zero reserved word.',
    source: 'good practice: netif.h, "Control messages", gives no status for it',
    note: 'SUCCESS and INVALID_PARAMETER both conform; Linux ignores the word.' },
  { id: 'CTRL-14', side: 'backend', level: 'must', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement: 'The control ring has 128 slots, and the backend responds to 128 requests that are pushed at once.',
    source: 'netif.h, DEFINE_RING_TYPES(xen_netif_ctrl); ring.h, __CONST_RING_SIZE',
    lines: 'netif.h:752-754; ring.h:56-61, 267-269' },
  { id: 'CTRL-15', side: 'backend', level: 'should', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement:
      'The backend serves control requests on events of the control event channel, and notifies responses there as ' +
      'their event index asks.',
    source: 'netif.h, "Control ring": mailbox interrupt; "feature-rx-notify"' },
  { id: 'CTRL-16', side: 'backend', level: 'should', since: 'a63c57093b', gate: 'feature-ctrl-ring',
    statement: 'A req_prod further ahead than the control ring is long harms neither the backend nor its other vifs.',
    source: 'ring.h, RING_REQUEST_PROD_OVERFLOW' },
  // Not a must: the header says when the frontend writes the keys, not from when on the backend serves the ring.
  { id: 'CTRL-17', side: 'backend', level: 'should', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement: 'The backend serves the control ring from the moment that it is Connected.',
    source: 'good practice: netif.h, "Control ring", has the frontend set its keys before the connected state' },
  { id: 'CTRL-18', side: 'backend', level: 'should', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement:
      'The backend responds to control requests under data load, and passes data under a load of control requests.',
    source: 'good practice: netif.h, "Control ring", gives it a ring and a channel of its own' },
  { id: 'CTRL-19', side: 'frontend', level: 'should', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement: "A control request that never gets a response doesn't hang the frontend's guest.",
    source: 'good practice: netif.h is silent on a missing response' },
  // Only Linux is known to do so, hence not de-facto.
  { id: 'CTRL-20', side: 'backend', level: 'should', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement: 'On disconnect the backend unmaps the control ring and closes its event channel.',
    source: 'good practice: Linux xen-netback does so' },
  { id: 'CTRL-21', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'The data of a response to SET_HASH_FLAGS, SET_HASH_KEY, SET_HASH_MAPPING_SIZE or SET_HASH_MAPPING is 0.',
    source: 'netif.h, "Control messages", each of the four: data = 0',
    lines: 'netif.h:524, 554, 611, 643' },
  { id: 'CTRL-22', side: 'frontend', level: 'should', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement:
      'Whatever the status and the data of a control response are, and however late it arrives, the frontend keeps ' +
      'passing packets.',
    source: 'good practice: netif.h, "Control messages", gives a backend several statuses and sets no time' },
  // Not a must: the header has the frontend match responses by id, and says nothing of ids that are equal.
  { id: 'CTRL-23', side: 'frontend', level: 'should', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement: 'The frontend gives all control requests in flight different ids.',
    source: 'good practice: netif.h, "Control ring", lets responses arrive in any order, with the id of the request' },
  { id: 'CTRL-24', side: 'frontend', level: 'should', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement: 'The frontend ignores a control response with an id that no request in flight has.',
    source: 'good practice: netif.h, "Control responses": the id is that of the request' },
];
