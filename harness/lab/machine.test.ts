import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../base/errors.js';
import { packageRoot } from '../base/root.js';
import { ARM64, X86_64 } from './architecture.js';
import { HVM, machineFor, STOCK, STOCK_ARM64 } from './machine.js';

describe("the lab's machine", () => {
  const bookworm = { architecture: X86_64, release: 'bookworm' } as const;
  const trixie = { ...bookworm, release: 'trixie' } as const;
  const arm64 = { ...bookworm, architecture: ARM64 };
  const refusal = (...args: Parameters<typeof machineFor>): unknown => {
    try {
      return machineFor(...args);
    } catch (error) {
      return error;
    }
  };

  it('is the stock one, except for a target with an HVM guest', () => {
    expect(machineFor([], bookworm)).to.equal(STOCK);
    expect(machineFor(['linux-netfront', 'my-driver'], { ...trixie, module: 'my.ko' })).to.equal(STOCK);
    expect(machineFor(['ipxe-netfront'], bookworm)).to.equal(HVM);
    expect(existsSync(join(packageRoot, 'harness/lab/targets/ipxe-netfront.yaml'))).to.equal(true);
  });

  it('is refused for targets, releases and modules that do not fit an HVM guest', () => {
    const cases: (readonly [RegExp, ...Parameters<typeof machineFor>])[] = [
      [/without other targets/, ['linux-netfront', 'ipxe-netfront'], bookworm],
      [/--release bookworm only; use that release, not trixie/, ['ipxe-netfront'], trixie],
      [/--module/, ['ipxe-netfront'], { ...bookworm, module: 'my.ko' }],
    ];
    refused(cases);
  });

  it('is an arm64 one if asked, for the drivers that the lab has there', () => {
    expect(machineFor(['linux-netfront', 'my-driver'], arm64)).to.equal(STOCK_ARM64);
    refused([
      [/ipxe-netfront: .*on x86-64 only/, ['ipxe-netfront'], arm64],
      [/qemu-netback: .*on x86-64 only/, ['linux-netback', 'qemu-netback'], arm64],
      [/--release bookworm only; use that release, not trixie/, [], { ...trixie, architecture: ARM64 }],
    ]);
  });

  function refused(cases: readonly (readonly [RegExp, ...Parameters<typeof machineFor>])[]): void {
    for (const [message, ...args] of cases) {
      expect(refusal(...args))
        .to.be.instanceOf(UsageError)
        .with.property('message')
        .that.matches(message);
    }
  }
});
