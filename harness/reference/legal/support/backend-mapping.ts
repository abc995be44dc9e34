/** How backends map the grants of a list or of a staging pool, other than its flags say. */
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';

type MapEntries = BackendSteps['mapEntries'];

/** Maps every entry for writing. */
export const mapsForWriting: MapEntries = (table, entries) =>
  correct.mapEntries(
    table,
    entries.map((entry) => ({ ...entry, flags: 0 })),
  );

/** Maps the entries for writing if all their grants permit it. */
export const mapsAsGranted: MapEntries = (table, entries) =>
  mapsForWriting(table, entries) || correct.mapEntries(table, entries);
