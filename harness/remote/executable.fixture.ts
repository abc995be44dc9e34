/** For tests: an executable that consists only of its header and a program header with a loader. */
export function sampleExecutable(machineNumber: number, loader: string): Buffer {
  const bytes = Buffer.alloc(64 + 56 + loader.length + 1);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1], 0);
  bytes.writeUInt16LE(machineNumber, 18);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(1, 56);
  bytes.writeUInt32LE(3, 64);
  bytes.writeBigUInt64LE(120n, 64 + 8);
  bytes.writeBigUInt64LE(BigInt(loader.length + 1), 64 + 32);
  bytes.write(loader, 120);
  return bytes;
}
