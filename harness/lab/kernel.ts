/** Kernels as Debian packages them, made into what starts fastest under emulation. */
import { gunzipSync } from 'node:zlib';
import { LabError } from './error.js';
import { run } from './process.js';

/** The decompressors for a kernel, by its first four bytes. */
const PACKERS: Readonly<Record<string, string>> = { fd377a58: 'xz', '28b52ffd': 'zstd' };

/**
 * The ELF inside a bzImage, so that neither Xen nor its tools decompress it under emulation. Offsets as in the kernel's
 * Documentation/x86/boot.rst.
 */
async function elfOfBzImage(image: Buffer, signal: AbortSignal): Promise<Buffer> {
  const sectors = image.readUInt8(0x1f1);
  const offset = (sectors + 1) * 512 + image.readUInt32LE(0x248);
  const length = image.readUInt32LE(0x24c);
  // The size of the ELF follows the compressed data, as 4 bytes.
  const payload = image.subarray(offset, offset + length - 4);
  const packer = PACKERS[payload.toString('hex', 0, 4)];
  if (packer === undefined)
    throw new LabError(`the kernel's compression is unknown; expected one of ${Object.values(PACKERS).join(', ')}`);
  return run(packer, ['--decompress', '--stdout'], { input: payload, signal });
}

/** An arm64 Image, which Debian does not compress. Its magic is in the kernel's Documentation/arm64/booting.rst. */
export function arm64Image(image: Buffer): Promise<Buffer> {
  if (image.toString('latin1', 56, 60) === 'ARMd') return Promise.resolve(image);
  return Promise.reject(new LabError('the kernel is not an uncompressed arm64 Image; try the other --release'));
}

const UNPACKERS = { bzImage: elfOfBzImage, Image: arm64Image };

export type KernelFormat = keyof typeof UNPACKERS;

/** Makes the kernel of Debian's package ready for Xen. */
export function unpackKernel(format: KernelFormat, image: Buffer, signal: AbortSignal): Promise<Buffer> {
  return UNPACKERS[format](image, signal);
}

/** The contents of a file that may be compressed with gzip. */
export function gunzipped(file: Buffer): Buffer {
  return file.readUInt16BE(0) === 0x1f8b ? gunzipSync(file) : file;
}
