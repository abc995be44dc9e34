/** Prints each step with its duration and keeps the durations. */
export class Progress {
  readonly timings: Record<string, number> = {};

  constructor(readonly log: (line: string) => void) {}

  async step<T>(name: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work();
    this.add(name, performance.now() - start);
    return result;
  }

  /** Records `ms` milliseconds under `name`; `timings` has seconds, rounded to tenths. */
  add(name: string, ms: number): void {
    this.timings[name] = Math.round(ms / 100) / 10;
    this.log(`${name}: ${(ms / 1000).toFixed(1)} s`);
  }
}
