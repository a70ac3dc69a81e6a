/** Numbers as JSON lines: the median of several runs, and how far they lie apart. */
const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle] ?? 0
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

export const percentile = (values: ReadonlyArray<number>, part: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
};

/** One JSON line on standard output. */
export const print = (what: unknown): void => {
  process.stdout.write(`${JSON.stringify(what)}\n`);
};

const round = (value: number): number => Number(value.toPrecision(4));

export const line = (
  name: string,
  unit: string,
  goal: number | null,
  values: ReadonlyArray<number>,
): void => {
  const value = round(median(values));
  const spread = round(Math.max(...values) - Math.min(...values));
  print({ name, value, unit, spread, runs: values.length, goal });
};
