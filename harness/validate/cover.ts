/** Chooses the tests that show that a driver with a defect still works otherwise. */

export interface Candidate {
  readonly id: string;
  /** Requirements that its checks verify on the correct driver. */
  readonly requirements: readonly string[];
  /** Its cost, relative to other tests. */
  readonly cost: number;
}

/**
 * A cheap choice of `candidates` that together verify all their requirements. Greedy: repeatedly chooses the candidate
 * with the most new requirements for its cost, so that the first ones show the most.
 */
export function cover(candidates: readonly Candidate[]): string[] {
  const left = new Set(candidates.flatMap(({ requirements }) => requirements));
  const chosen: string[] = [];
  while (left.size > 0) {
    const worth = ({ requirements, cost }: Candidate): number =>
      new Set(requirements.filter((id) => left.has(id))).size / cost;
    const best = candidates.reduce((a, b) => (worth(b) > worth(a) ? b : a));
    chosen.push(best.id);
    for (const id of best.requirements) left.delete(id);
  }
  return chosen;
}
