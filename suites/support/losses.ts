/** Packets that a guest may lose now and then, but not each time. */
import { expect } from 'chai';
import { Violation } from '../../harness/peer/violation.js';
import { Expired } from '../../harness/xen/wait.js';

/** Attempts without success after which packets count as lost. */
export const LOST_TRIES = 3;

/** Whether an awaited event occurs. */
export async function arrives(wait: Promise<unknown>): Promise<boolean> {
  return (await countLost(1, () => wait)) === 0;
}

/** Expects that not all of `rounds` packets were lost. */
export function expectSomeArrive(lost: number, rounds: number): void {
  if (lost >= rounds) expect.fail(`all ${rounds} packets were lost`);
}

/** Repeats an exchange and returns how often its reply did not come. */
export async function countLost(rounds: number, exchange: () => Promise<unknown>): Promise<number> {
  let lost = 0;
  for (let round = 0; round < rounds; round++) {
    try {
      await exchange();
    } catch (error) {
      if (!isLoss(error)) throw error;
      lost++;
    }
  }
  return lost;
}

/**
 * Sends a packet and waits for what arrives; sends it again if nothing does. The loss is an error on the last attempt,
 * or once the driver breaks the protocol: it may have lost the packet because it was out of step.
 */
export async function sendUntilArrival<T>(send: () => Promise<unknown>, arrival: () => Promise<T>): Promise<T> {
  let loss: Error | undefined;
  for (let tries = 1; ; tries++) {
    let isSent = false;
    try {
      await send();
      isSent = true;
      return await arrival();
    } catch (error) {
      if (error instanceof Violation) throw loss ?? error;
      if (!isSent || !isLoss(error) || tries === LOST_TRIES) throw error;
      loss ??= error;
    }
  }
}

const isLoss = (error: unknown): error is Expired => error instanceof Expired && !error.inconclusive;
