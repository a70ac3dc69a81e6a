/**
 * Counters that cost one addition. They are plain objects because some are touched for each packet;
 * exporters read a snapshot.
 */
export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  readonly name: string;
  readonly labels: Labels;
  value: number;
}

export interface Row {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

/** The counters of one role. Every label value must come from a fixed set, never from a peer. */
export interface Counters {
  /** The counter of this name and labels; made at the first call, the same one later. */
  readonly counter: (name: string, labels?: Labels) => Counter;
  readonly snapshot: () => ReadonlyArray<Row>;
}

/** Far above what fixed label sets make: a label that a peer could choose must not fill memory. */
const mostCounters = 4_096;

/** What is counted under labels that found no room any more. */
export const overflow = "counters_overflow_total";

const keyOf = (name: string, labels: Labels): string =>
  JSON.stringify([name, ...Object.entries(labels).sort(([a], [b]) => a < b ? -1 : 1)]);

export const make = (most = mostCounters): Counters => {
  const all = new Map<string, Counter>();
  const lost: Counter = { name: overflow, labels: {}, value: 0 };
  return {
    counter: (name, labels = {}) => {
      const key = keyOf(name, labels);
      const known = all.get(key);
      if (known !== undefined) return known;
      if (all.size >= most) return lost;
      const counter: Counter = { name, labels: { ...labels }, value: 0 };
      all.set(key, counter);
      return counter;
    },
    snapshot: () => {
      const rows = [...all.entries()].sort(([a], [b]) => a < b ? -1 : 1).map(([, row]) => row);
      if (lost.value > 0) rows.push(lost);
      return rows.map(({ name, labels, value }) => ({ name, labels, value }));
    },
  };
};
