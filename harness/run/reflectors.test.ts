import { expect } from 'chai';
import type { AnyPeer } from '../peer/any-peer.js';
import { Expired } from '../xen/wait.js';
import { Reflectors } from './reflectors.js';

/** A peer of a stack that replies to ARP from a time on, and to pings; each other request takes a second in vain. */
function peerOf(arpFrom: number): { readonly peer: AnyPeer; now: () => number } {
  let now = 0;
  const unanswered = () => {
    now += 1000;
    return Promise.reject(new Expired('reply', 1000, 0));
  };
  const peer = {
    context: { patience: { clock: { now: () => now } } },
    resolve: () => (now < arpFrom ? unanswered() : Promise.resolve()),
    ping: () => Promise.resolve(),
    syn: unanswered,
  };
  return { peer: peer as unknown as AnyPeer, now: () => now };
}

describe('Reflectors', () => {
  it('asks for ARP until the guest must have booted', async () => {
    const { peer, now } = peerOf(20_000);
    const reflectors = new Reflectors(new Set());
    expect(await reflectors.ask(peer, 60_000)).to.equal('arp icmp icmp-full');
    expect(now()).to.equal(23_000);
  });

  it('does not wait for the other replies of a stack that is up', async () => {
    const { peer, now } = peerOf(0);
    const reflectors = new Reflectors(new Set());
    await reflectors.ask(peer, 60_000);
    expect(now()).to.equal(3000);
    expect(reflectors.asked('tcp')).to.equal('tcp asked 3 times in 3 s');
  });

  it('gives up without ARP when the guest must have booted', async () => {
    const { peer, now } = peerOf(Infinity);
    const reflectors = new Reflectors(new Set());
    expect(await reflectors.ask(peer, 60_000)).to.equal('');
    expect(now()).to.equal(60_000);
    expect(reflectors.asked('icmp')).to.equal('arp asked 60 times in 60 s');
  });
});
