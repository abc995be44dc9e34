/** Requirements that no defect proves, each with the reason. */
import { CATALOGUE } from '../../suites/catalogue.js';
import { DEFECTS, RACES } from '../reference/defects/index.js';
import type { Role } from '../run/record.js';
import type { Level } from '../run/requirement.js';

/** A requirement that binds a role, and why no check of it catches a defect. */
export interface Unprovable {
  readonly id: string;
  readonly role: Role;
  readonly reason: string;
}

/** What only one of the two ends that a requirement binds can be seen to break, by the other one. */
const REASONS: readonly Unprovable[] = [
  {
    id: 'XB-03',
    role: 'backend',
    reason:
      'backends wait in InitWait; one that passes through Initialised does so when the frontend has connected, with ' +
      'nothing left to wait for',
  },
  {
    id: 'NOTIFY-06',
    role: 'frontend',
    reason: 'a frontend begins its rings at index 0: the wrap of the indices is 2^32 messages away',
  },
];

/** Requirements that bind a role, in the order of the catalogue. */
export function bindingOn(role: Role): string[] {
  return CATALOGUE.requirements.filter(({ side }) => side === role || side === 'both').map(({ id }) => id);
}

/** Those of them that no defect proves. */
export function unprovableIn(role: Role): Unprovable[] {
  const raced = new Set(RACES.filter((race) => race.raceIn.startsWith(`${role}.`)).map(({ breaks }) => breaks));
  const broken = new Set(DEFECTS.filter(({ id }) => id.startsWith(`${role}.`)).map(({ breaks }) => breaks));
  return bindingOn(role).flatMap((id) => {
    const { level, untestable } = CATALOGUE.requirement(id);
    const stated = untestable ?? REASONS.find((each) => each.id === id && each.role === role)?.reason;
    const reason = stated ?? (broken.has(id) ? undefined : excuse(level, raced.has(id)));
    return reason === undefined ? [] : [{ id, role, reason }];
  });
}

/** Why no defect may break a requirement, as far as its level and the races show. */
function excuse(level: Level, isRaced: boolean): string | undefined {
  if (level === 'may') return 'MAY: whatever a driver does keeps it';
  return isRaced ? 'it is broken in some orders of events only: the test that repeats the race proves it' : undefined;
}
