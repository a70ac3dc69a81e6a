/**
 * Counters that cost one addition. They are plain objects because some are touched for each packet;
 * exporters read a snapshot.
 */
export interface Counter {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  value: number;
}

export interface Row {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The counters of one role. Every label value must come from a fixed set, never from a peer. */
export interface Counters {
  /** The counter of this name and labels; made at the first call, the same one later. */
  readonly counter: (name: string, labels?: Readonly<Record<string, string>>) => Counter;
  readonly snapshot: () => ReadonlyArray<Row>;
}

export const make = (): Counters => {
  const all = new Map<string, Counter>();
  return {
    counter: (name, labels = {}) => {
      const sorted = Object.entries(labels).sort(([a], [b]) => a < b ? -1 : 1);
      const key = name + JSON.stringify(sorted);
      const known = all.get(key);
      if (known !== undefined) return known;
      const counter: Counter = { name, labels: { ...labels }, value: 0 };
      all.set(key, counter);
      return counter;
    },
    snapshot: () =>
      [...all.values()]
        .map(({ name, labels, value }) => ({ name, labels, value }))
        .sort((a, b) => a.name.localeCompare(b.name)),
  };
};
