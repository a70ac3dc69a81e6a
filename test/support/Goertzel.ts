/** Is a tone in the samples, and for how long without a break. */

export interface Window {
  readonly atMs: number;
  /** Share of the window's energy that is at the frequency: 0 to 1. */
  readonly share: number;
  /** Root of the mean square, of a full scale of 1. */
  readonly level: number;
}

const windowMs = 20;
const hopMs = 10;
/** A pure tone in G.711 measures 0.99, speech or noise below 0.3. */
const presentShare = 0.8;
/** -50 dB of full scale: quieter is silence with rounding noise. */
const presentLevel = 0.003;

/** Share of the energy of `samples` at `hz` (Goertzel's filter, any frequency). */
export const share = (samples: Float32Array, rate: number, hz: number): number => {
  const coefficient = 2 * Math.cos(2 * Math.PI * hz / rate);
  let [before, last, energy] = [0, 0, 0];
  for (const sample of samples) {
    const next = sample + coefficient * last - before;
    before = last;
    last = next;
    energy += sample * sample;
  }
  if (energy === 0) return 0;
  const power = last * last + before * before - coefficient * last * before;
  return Math.min(1, 2 * power / (samples.length * energy));
};

const windows = (
  samples: Float32Array,
  rate: number,
  hz: number,
): ReadonlyArray<Window> => {
  const size = rate * windowMs / 1000;
  const hop = rate * hopMs / 1000;
  const found: Array<Window> = [];
  for (let start = 0; start + size <= samples.length; start += hop) {
    const window = samples.subarray(start, start + size);
    const level = Math.sqrt(window.reduce((sum, sample) => sum + sample * sample, 0) / size);
    found.push({ atMs: start * 1000 / rate, share: share(window, rate, hz), level });
  }
  return found;
};

export interface Tone {
  /** From the first to the last window that holds the tone. */
  readonly spanMs: number;
  /** The longest time without it inside that span. */
  readonly longestGapMs: number;
}

export const tone = (samples: Float32Array, rate: number, hz: number): Tone => {
  const present = windows(samples, rate, hz)
    .filter((window) => window.share >= presentShare && window.level >= presentLevel)
    .map((window) => window.atMs);
  const first = present[0];
  const last = present.at(-1);
  if (first === undefined || last === undefined) return { spanMs: 0, longestGapMs: 0 };
  let longestGapMs = 0;
  for (const [index, at] of present.entries()) {
    const next = present[index + 1];
    // Windows overlap, so a clean stream has one every hop: only more than that is a gap.
    if (next !== undefined) longestGapMs = Math.max(longestGapMs, next - at - hopMs);
  }
  return { spanMs: last - first + windowMs, longestGapMs };
};
