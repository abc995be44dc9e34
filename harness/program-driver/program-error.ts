/** A driver's program ended, or sent something that is no call. It counts as a crash of the driver. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError';
}
