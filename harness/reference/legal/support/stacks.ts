/** Network stacks that reply to less than that of the reference driver. */
import { isGroupMac } from '../../../packet/address.js';
import { decodeEthernet, ETHER_TYPE } from '../../../packet/ethernet.js';
import { decodeFrame, type Frame } from '../../../packet/frame.js';
import type { FrameMeta, Stack } from '../../../packet/stack.js';
import type { Clock } from '../../../xen/domain.js';
import type { LegalDriver } from '../legal.js';

type Wrap = NonNullable<LegalDriver['stack']>;

/** The stack with a different receive function. */
export function receiving(stack: Stack, receive: (frame: Uint8Array, meta?: FrameMeta) => Uint8Array[]): Stack {
  return Object.create(stack, { receive: { value: receive }, groups: { value: stack.groups } }) as Stack;
}

/** A stack that receives only the frames that `heeds` accepts. */
export function filtering(heeds: (kind: Frame['kind'], etherType: number) => boolean): Wrap {
  return (stack) =>
    receiving(stack, (frame, meta) => {
      const it = decodeFrame(frame);
      return it.ok && heeds(it.value.kind, it.value.ethernet.etherType) ? stack.receive(frame, meta) : [];
    });
}

/** A stack that replies to at most `most` pings per second. */
export function limited(most: number): Wrap {
  return (stack: Stack, clock: Clock) => {
    let second = -1;
    let count = 0;
    return receiving(stack, (frame, meta) => {
      if (!isEcho(frame)) return stack.receive(frame, meta);
      const now = Math.floor(clock.now() / 1000);
      if (now !== second) [second, count] = [now, 0];
      return ++count > most ? [] : stack.receive(frame, meta);
    });
  };
}

/** A stack that loses every ping number `every`. */
export function losing(every: number): Wrap {
  let count = 0;
  return (stack) =>
    receiving(stack, (frame, meta) => (isEcho(frame) && ++count % every === 0 ? [] : stack.receive(frame, meta)));
}

/** A stack that has no IPv6 address derived from its MAC, so that it receives nothing for that address. */
export const randomIdentifier: Wrap = (stack) =>
  receiving(stack, (frame, meta) => {
    const it = decodeFrame(frame);
    if (!it.ok || it.value.ethernet.etherType !== ETHER_TYPE.ipv6) return stack.receive(frame, meta);
    const isOurs = isGroupMac(it.value.ethernet.destination) && it.value.kind !== 'icmpv6';
    return isOurs ? stack.receive(frame, meta) : [];
  });

/** A stack that has no addresses in the first `ms` milliseconds. */
export const lateAddresses =
  (ms: number): Wrap =>
  (stack, clock) => {
    const from = clock.now() + ms;
    return receiving(stack, (frame, meta) => (clock.now() < from ? [] : stack.receive(frame, meta)));
  };

/** A stack that pads its frames to 60 bytes. */
export const padding: Wrap = (stack) => receiving(stack, (frame, meta) => stack.receive(frame, meta).map(padded));

/** A frame with zeros up to 60 bytes. */
export function padded(frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.max(60, frame.length));
  bytes.set(frame);
  return bytes;
}

/** An ICMP packet over IPv4. */
export function isEcho(frame: Uint8Array): boolean {
  const it = decodeEthernet(frame);
  return it.ok && it.value.etherType === ETHER_TYPE.ipv4 && frame[23] === 1;
}
