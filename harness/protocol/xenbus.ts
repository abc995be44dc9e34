/** States of a device (xenbus.h) and numbers in xenstore. */

import { type Decoded, decoded, malformed } from '../bytes/codec.js';

/** XenbusState* */
export const XENBUS_STATE = {
  unknown: 0,
  initialising: 1,
  initWait: 2,
  initialised: 3,
  connected: 4,
  closing: 5,
  closed: 6,
  reconfiguring: 7,
  reconfigured: 8,
} as const;

export type XenbusState = (typeof XENBUS_STATE)[keyof typeof XENBUS_STATE];

/** Parses the value of a `state` node; undefined means that the node is missing. */
export function parseXenbusState(text: string | undefined): Decoded<XenbusState> {
  if (text === undefined) return malformed('no state node');
  const { unknown, reconfigured } = XENBUS_STATE;
  const number = parseDecimal(text, { min: unknown, max: reconfigured });
  return number.ok ? decoded(number.value as XenbusState) : number;
}

/** The state's name in xenbus.h without its prefix, such as `Connected`; an invalid state is printed as `state 9`. */
export function stateName(state: number): string {
  const entry = Object.entries(XENBUS_STATE).find(([, number]) => number === state);
  return entry ? entry[0].charAt(0).toUpperCase() + entry[0].slice(1) : `state ${state}`;
}

/** The name of the state in a node: `none` for a missing node, and the text in quotes if it is not a valid state. */
export function stateText(text: string | undefined): string {
  if (text === undefined) return 'none';
  const state = parseXenbusState(text);
  return state.ok ? stateName(state.value) : quotedText(text);
}

/**
 * Parses an unsigned decimal number from `min` to `max`: only digits. Undefined means that the node is missing, and is
 * malformed.
 */
export function parseDecimal(text: string | undefined, { min, max }: { min: number; max: number }): Decoded<number> {
  if (text === undefined) return malformed('no such node');
  const quoted = quotedText(text);
  if (!/^[0-9]+$/.test(text)) return malformed(`${quoted} is not a decimal number`);
  const number = Number(text);
  if (number < min || number > max) return malformed(`${quoted} is not from ${min} to ${max}`);
  return decoded(number);
}

/** The number of queues that a backend offers by its `multi-queue-max-queues`; 1 if the key isn't a valid number. */
export function queuesIn(text: string | undefined): number {
  const max = parseDecimal(text, { min: 1, max: 0xffffffff });
  return max.ok ? max.value : 1;
}

const quotedText = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
