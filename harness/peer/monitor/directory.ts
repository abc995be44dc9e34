/** The keys of one end of a vif, as the monitor's rules read them. */
export class Directory {
  /** @param keys the keys in the end's directory, by name, without the keys of queues */
  constructor(readonly keys: Readonly<Record<string, string | undefined>>) {}

  /** Whether a key is present with a value other than 0. */
  has(key: string): boolean {
    const value = this.keys[key];
    return value !== undefined && value !== '' && value !== '0';
  }

  get(key: string): string | undefined {
    return this.keys[key];
  }

  /** Names and values of the keys that are present. */
  entries(): (readonly [key: string, value: string])[] {
    return Object.entries(this.keys).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]));
  }
}
