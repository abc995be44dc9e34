/** Whether a test left something behind. */
import type { Holdings } from './iut.js';

const NAMES: Readonly<Record<keyof Holdings, readonly [one: string, more: string]>> = {
  grants: ['grant', 'grants'],
  mappings: ['mapping', 'mappings'],
  eventChannels: ['event channel', 'event channels'],
  watches: ['watch', 'watches'],
};

/** What `now` has more of than `before`, in words; undefined if nothing. */
export function leaked(before: Holdings, now: Holdings): string | undefined {
  const parts = (Object.keys(NAMES) as (keyof Holdings)[]).flatMap((kind) => {
    const more = now[kind] - before[kind];
    return more > 0 ? [`${more} ${NAMES[kind][more === 1 ? 0 : 1]}`] : [];
  });
  return parts.length > 0 ? parts.join(', ') : undefined;
}
