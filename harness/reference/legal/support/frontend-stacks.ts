/** Network stacks of guests. */
import { ETHER_TYPE } from '../../../packet/ethernet.js';
import type { Stack } from '../../../packet/stack.js';
import { filtering } from './stacks.js';

/** Has no IPv6. */
export const ipv4Only = filtering((_, etherType) => etherType !== ETHER_TYPE.ipv6);

/** Does not verify TCP checksums. */
export const trusting = (stack: Stack): Stack =>
  Object.create(stack, {
    receive: { value: (frame: Uint8Array) => stack.receive(frame, { csumBlank: true }) },
    groups: { value: stack.groups },
  }) as Stack;
