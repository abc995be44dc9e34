import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TraceStep } from '../harness/xen/traced.js';
import { pcapng } from './pcapng.js';

const hex = (text: string): string => text.replace(/\s+/g, '');

describe('pcapng', () => {
  it('is undefined without frames', () => {
    expect(pcapng([{ at: 1, from: 'harness', to: 'driver', what: 'notify port 3' }])).to.equal(undefined);
  });

  it('has a section, an Ethernet interface and a packet for each frame, truncated or whole', () => {
    const capture = pcapng([
      {
        at: 1.5,
        from: 'harness',
        to: 'driver',
        what: '',
        frame: { bytes: Buffer.from('0102030405', 'hex').toString('base64'), length: 5 },
      },
      { at: 2, from: 'driver', to: 'harness', what: '', frame: { bytes: 'qrs=', length: 1514 } },
    ]);
    expect(capture?.toString('hex')).to.equal(
      hex(`
        0a0d0d0a 1c000000 4d3c2b1a 01000000 ffffffff ffffffff 1c000000
        01000000 14000000 01000000 00000000 14000000
        06000000 34000000 00000000 00000000 dc050000 05000000 05000000 01020304 05000000
          02000400 02000000 00000000 34000000
        06000000 30000000 00000000 00000000 d0070000 02000000 ea050000 aabb0000
          02000400 01000000 00000000 30000000
      `),
    );
  });
});

const tshark = spawnSync('tshark', ['--version']).status === 0;

(tshark ? describe : describe.skip)('pcapng in tshark', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'netifspec-tshark-'))));
  after(() => rmSync(folder, { recursive: true }));

  it('contains the frames, each with its time and full length', () => {
    const arp = Buffer.from(
      hex(`ffffffffffff 00163e000001 0806 0001 0800 06 04 0001
           00163e000001 c6120101 000000000000 c6120102`),
      'hex',
    );
    const step = (at: number, from: TraceStep['from'], bytes: Buffer, length: number): TraceStep => ({
      ...{ at, from, to: from === 'harness' ? 'driver' : 'harness', what: '' },
      frame: { bytes: bytes.toString('base64'), length },
    });
    const capture = pcapng([step(1.5, 'harness', arp, arp.length), step(2, 'driver', arp, 1514)]);
    const file = join(folder, 'frames.pcapng');
    writeFileSync(file, capture ?? '');
    const fields = [
      'frame.time_epoch',
      'frame.len',
      'frame.cap_len',
      'frame.packet_flags_direction',
      'arp.dst.proto_ipv4',
    ];
    const args = ['-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
    const { stdout, stderr } = spawnSync('tshark', args, { encoding: 'utf8' });
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => line.split('\t'));
    expect(lines, stderr).to.deep.equal([
      ['0.001500000', '42', '42', '0x00000002', '198.18.1.2'],
      ['0.002000000', '1514', '42', '0x00000001', '198.18.1.2'],
    ]);
  });
});
