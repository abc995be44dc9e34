import { expect } from 'chai';
import { compareFeatures } from './declared.js';

const ADVERTISED = { 'feature-sg': '1', 'feature-gso-tcpv4': '0', 'multi-queue-max-queues': '4', state: '4', mac: 'x' };

describe('declared features', () => {
  it('are as declared when each is offered and no other is', () => {
    expect(compareFeatures(['feature-sg'], ADVERTISED)).to.deep.equal({ verdict: 'pass' });
    expect(compareFeatures(['feature-sg', 'multi-queue-max-queues'], ADVERTISED)).to.deep.equal({ verdict: 'pass' });
  });

  for (const key of ['feature-gso-tcpv4', 'feature-ctrl-ring']) {
    it(`fail with ${key}, which is ${key in ADVERTISED ? 'off' : 'not there'}`, () => {
      const message = `declared but not advertised: ${key}`;
      expect(compareFeatures(['feature-sg', key], ADVERTISED)).to.deep.equal({ verdict: 'fail', message });
    });
  }

  it('warn of what is offered beside them', () => {
    const message = 'advertised but not declared: feature-sg';
    expect(compareFeatures([], ADVERTISED)).to.deep.equal({ verdict: 'warn', message });
  });
});
