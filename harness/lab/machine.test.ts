import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../base/errors.js';
import { packageRoot } from '../base/root.js';
import { HVM, machineFor, STOCK } from './machine.js';

describe("the lab's machine", () => {
  const refusal = (...args: Parameters<typeof machineFor>): unknown => {
    try {
      return machineFor(...args);
    } catch (error) {
      return error;
    }
  };

  it('is the stock one, except for a target with an HVM guest', () => {
    expect(machineFor([], 'bookworm')).to.equal(STOCK);
    expect(machineFor(['linux-netfront', 'my-driver'], 'trixie', 'my.ko')).to.equal(STOCK);
    expect(machineFor(['ipxe-netfront'], 'bookworm')).to.equal(HVM);
    expect(existsSync(join(packageRoot, 'harness/lab/targets/ipxe-netfront.yaml'))).to.equal(true);
  });

  it('is refused for targets, releases and modules that do not fit an HVM guest', () => {
    const cases: (readonly [RegExp, ...Parameters<typeof machineFor>])[] = [
      [/without other targets/, ['linux-netfront', 'ipxe-netfront'], 'bookworm'],
      [/--release bookworm only; use that release, not trixie/, ['ipxe-netfront'], 'trixie'],
      [/--module/, ['ipxe-netfront'], 'bookworm', 'my.ko'],
    ];
    for (const [message, ...args] of cases) {
      expect(refusal(...args))
        .to.be.instanceOf(UsageError)
        .with.property('message')
        .that.matches(message);
    }
  });
});
