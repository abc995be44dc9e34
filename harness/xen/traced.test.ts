import { expect } from 'chai';
import { Hypervisor } from './simulated/hypervisor.js';
import { Trace, traced } from './traced.js';
import { WatchedNode } from './watched-node.js';

describe('the trace', () => {
  const lines = (trace: Trace): string[] =>
    trace
      .take()()
      .map(({ from, to, what }) => `${from} > ${to}: ${what}`);

  it('records driver writes of which a watch notified the harness, and none of its other reads', async () => {
    const hypervisor = new Hypervisor({ seed: 1 });
    const [harness, guest] = [hypervisor.domain(0), hypervisor.domain(1)];
    const trace = new Trace(harness.clock);
    const { store } = traced(harness, trace);
    await guest.store.write('data/state', '3');
    const node = await WatchedNode.open(store, '/local/domain/1/data/state');
    await guest.store.write('data/state', '4');
    while (node.value !== '4') await new Promise<void>((resolve) => node.changed.once(resolve));
    // The effects of the watch are complete when a later request completes.
    await store.read(node.path);
    await store.read(node.path);
    trace.take();
    await store.read(node.path);
    await guest.store.remove('data/state');
    while (node.value !== undefined) await new Promise<void>((resolve) => node.changed.once(resolve));
    expect(lines(trace)).to.deep.equal([
      'xenstore > harness: watch /local/domain/1/data/state',
      'xenstore > harness: read /local/domain/1/data/state = none',
    ]);
    await harness.close();
    await guest.close();
  });

  it('keeps the last steps, oldest first', () => {
    const hypervisor = new Hypervisor({ seed: 1 });
    const trace = new Trace(hypervisor.domain(0).clock, 2);
    for (const what of ['a', 'b', 'c']) trace.add('harness', 'driver', () => what);
    expect(lines(trace)).to.deep.equal(['harness > driver: b', 'harness > driver: c']);
    expect(lines(trace)).to.deep.equal([]);
  });
});
