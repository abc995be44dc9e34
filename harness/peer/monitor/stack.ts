/** What a driver exchanges with its network stack, where the stack is netifspec's: on the simulated Xen. */
import { printFrame } from '../../packet/print.js';
import type { Judgement, Rules } from './rule.js';
import { when } from './rule.js';
import type { PassedOn } from './situations.js';

const isPassed =
  (what: string) =>
  ({ frame, passed }: PassedOn): Judgement =>
    when(
      true,
      () => passed,
      () => `${what}, or twice: a frame of ${frame.length} bytes, ${printFrame(frame)}`,
    );

const toStack = isPassed('the stack was given what was not sent');
const fromStack = isPassed('the driver sent what its stack had not passed to it');

export const STACK_RULES: Rules = {
  toFrontendStack: [{ id: 'RXW-35', judge: toStack }],
  toBackendStack: [{ id: 'TXW-37', judge: toStack }],
  fromFrontendStack: [{ id: 'TXW-39', judge: fromStack }],
  fromBackendStack: [{ id: 'RXW-37', judge: fromStack }],
};
