/** What a driver passes to its network stack, where the stack is netifspec's: on the simulated Xen. */
import { printFrame } from '../../packet/print.js';
import type { Judgement, Rules } from './rule.js';
import { when } from './rule.js';
import type { ToStack } from './situations.js';

function wasSent({ frame, sent }: ToStack): Judgement {
  return when(
    true,
    () => sent,
    () => `the stack was given a frame of ${frame.length} bytes that was not sent, or twice: ${printFrame(frame)}`,
  );
}

export const STACK_RULES: Rules = {
  toFrontendStack: [{ id: 'RXW-35', judge: wasSent }],
  toBackendStack: [{ id: 'TXW-37', judge: wasSent }],
};
