/** Calls `expired` after `ms` milliseconds, if finite; the returned function cancels it. */
export function deadline(ms: number, expired: () => void): () => void {
  if (!Number.isFinite(ms)) return () => undefined;
  const timer = setTimeout(expired, Math.min(ms, 0x7fff_ffff));
  return () => clearTimeout(timer);
}
