/**
 * Token buckets for each source address, in front of the parser: a flood costs a look-up. Bounded:
 * the source that was heard longest ago makes room.
 */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export interface Admission {
  /** False: over the limit, drop it. */
  readonly admit: (source: string, now: number) => boolean;
}

interface Bucket {
  tokens: number;
  at: number;
}

const mostSources = 100_000;

export const make = (rate: Rate): Admission => {
  const buckets = new Map<string, Bucket>();
  return {
    admit: (source, now) => {
      let bucket = buckets.get(source);
      if (bucket === undefined) {
        if (buckets.size >= mostSources) buckets.delete(buckets.keys().next().value!);
        bucket = { tokens: rate.burst, at: now };
        buckets.set(source, bucket);
      } else if (now > bucket.at) {
        const gained = (now - bucket.at) * rate.perSecond / 1_000;
        bucket.tokens = Math.min(rate.burst, bucket.tokens + gained);
        bucket.at = now;
      }
      if (bucket.tokens < 1) return false;
      bucket.tokens--;
      return true;
    },
  };
};
