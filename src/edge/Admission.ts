/**
 * Token buckets for each source, in front of the parser: a flood costs a look-up. Bounded: the
 * source that was heard longest ago makes room, and begins anew when it comes back.
 */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export interface Admission {
  /** False: over the limit, drop it. */
  readonly admit: (source: string, now: number) => boolean;
  /** Sources that are remembered. */
  readonly size: () => number;
}

interface Bucket {
  tokens: number;
  at: number;
}

const mostSources = 100_000;

/**
 * What counts as one source: an IPv4 address, or the 64 bits of an IPv6 network, because whoever
 * has one address of it has them all (RFC 4291 section 2.5.4).
 */
export const networkOf = (ip: string): string => {
  if (!ip.includes(":")) return ip;
  const [head = "", tail] = (ip.split("%")[0] ?? "").toLowerCase().split("::");
  const groups = head === "" ? [] : head.split(":");
  // The dotted end of an embedded IPv4 address stands for two groups.
  const width = (part: string): number => part.includes(".") ? 2 : 1;
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const missing = tail === undefined
    ? 0
    : 8 - [...groups, ...after].reduce((sum, part) => sum + width(part), 0);
  const all = [...groups, ...Array.from({ length: Math.max(0, missing) }, () => "0"), ...after];
  const network = all.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(":")}::/64`;
};

export const make = (rate: Rate, most = mostSources): Admission => {
  const buckets = new Map<string, Bucket>();

  const bucketOf = (source: string, now: number): Bucket => {
    const known = buckets.get(source);
    if (known === undefined) {
      if (buckets.size >= most) buckets.delete(buckets.keys().next().value!);
      const bucket = { tokens: rate.burst, at: now };
      buckets.set(source, bucket);
      return bucket;
    }
    // At the end of the line again: order is by when a source was heard last.
    if (now > known.at) {
      buckets.delete(source);
      buckets.set(source, known);
    }
    return known;
  };

  return {
    admit: (ip, now) => {
      const bucket = bucketOf(networkOf(ip), now);
      const gained = Math.max(0, now - bucket.at) * rate.perSecond / 1_000;
      bucket.tokens = Math.min(rate.burst, bucket.tokens + gained);
      // A clock that was set back must not stop the flow of tokens until it has caught up.
      bucket.at = now;
      if (bucket.tokens < 1) return false;
      bucket.tokens--;
      return true;
    },
    size: () => buckets.size,
  };
};
