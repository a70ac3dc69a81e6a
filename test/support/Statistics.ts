/** Two-sample Kolmogorov-Smirnov test. */

/** The largest distance between the two empirical distributions. */
const distance = (one: ReadonlyArray<number>, other: ReadonlyArray<number>): number => {
  const [a, b] = [[...one].sort(ascending), [...other].sort(ascending)];
  let [i, j, largest] = [0, 0, 0];
  while (i < a.length && j < b.length) {
    const value = Math.min(a[i] ?? Infinity, b[j] ?? Infinity);
    // Ties move both distributions before they are compared.
    while (i < a.length && a[i] === value) i += 1;
    while (j < b.length && b[j] === value) j += 1;
    largest = Math.max(largest, Math.abs(i / a.length - j / b.length));
  }
  return largest;
};

/** The probability of a distance at least this large between samples of one distribution. */
export const pValue = (one: ReadonlyArray<number>, other: ReadonlyArray<number>): number => {
  const effective = Math.sqrt(one.length * other.length / (one.length + other.length));
  // The asymptotic distribution with Stephens' correction for finite samples.
  const lambda = (effective + 0.12 + 0.11 / effective) * distance(one, other);
  if (lambda < 0.2) return 1;
  let sum = 0;
  for (let k = 1; k <= 100; k += 1) {
    sum += (k % 2 === 1 ? 2 : -2) * Math.exp(-2 * k * k * lambda * lambda);
  }
  return Math.min(1, Math.max(0, sum));
};

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort(ascending);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};

const ascending = (a: number, b: number) => a - b;
