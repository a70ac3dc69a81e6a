/**
 * Nonces (RFC 7616 section 3.3) without a store: a MAC over time, realm, shard and its epoch. A new
 * owner of the shard makes all of them stale, because nonce counts live in its memory alone; so is
 * the nonce of another shard, which came of a From that names another user than the digest answer.
 */
import * as Hash from "../kernel/Hash.ts";

export interface Binding {
  readonly realm: string;
  readonly shard: number;
  readonly epoch: number;
}

export type Verdict = "fresh" | "stale" | "forged";

/** Life of a nonce. */
export const nonceLifeMs = 300_000;

const timeOctets = 6;
const epochOctets = 4;
const shardOctets = 1;
const saltOctets = 6;
const macOctets = 12;
const saltAt = timeOctets + epochOctets + shardOctets;
const clearOctets = saltAt + saltOctets;

const mac = (key: Uint8Array, clear: Uint8Array, { realm }: Binding): Uint8Array => {
  const context = new TextEncoder().encode(`${realm}\n`);
  const data = new Uint8Array(clear.length + context.length);
  data.set(clear);
  data.set(context, clear.length);
  return Hash.keyed(key, data).subarray(0, macOctets);
};

/** `salt`: 6 random octets, so that two nonces of one millisecond differ. */
export const mint = (
  key: Uint8Array,
  binding: Binding,
  at: number,
  salt: Uint8Array,
): string => {
  const bytes = new Uint8Array(clearOctets + macOctets);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(at / 2 ** 32));
  view.setUint32(2, at % 2 ** 32);
  view.setUint32(timeOctets, binding.epoch);
  view.setUint8(timeOctets + epochOctets, binding.shard);
  bytes.set(salt.subarray(0, saltOctets), saltAt);
  bytes.set(mac(key, bytes.subarray(0, clearOctets), binding), clearOctets);
  return Buffer.from(bytes).toString("base64url");
};

export const verify = (
  key: Uint8Array,
  binding: Binding,
  at: number,
  nonce: string,
): Verdict => {
  const bytes = new Uint8Array(Buffer.from(nonce, "base64url"));
  if (bytes.length !== clearOctets + macOctets) return "forged";
  const clear = bytes.subarray(0, clearOctets);
  if (!Hash.sameOctets(mac(key, clear, binding), bytes.subarray(clearOctets))) return "forged";
  const view = new DataView(bytes.buffer);
  const minted = view.getUint16(0) * 2 ** 32 + view.getUint32(2);
  // Another shard's: of the user that From names, where the digest answer names another one.
  const current = view.getUint32(timeOctets) === binding.epoch &&
    view.getUint8(timeOctets + epochOctets) === binding.shard;
  return current && at - minted <= nonceLifeMs ? "fresh" : "stale";
};

/** Counts that were used with each nonce: an answer counts once (RFC 7616 section 5.4). */
export interface Counts {
  /** False when this count was used before, or is too far behind to know. */
  readonly use: (nonce: string, nc: string, at: number) => boolean;
}

interface Window {
  highest: number;
  /** Bit n: `highest - n` was used. */
  seen: number;
}

const windowBits = 31;
const mostNonces = 100_000;

export const counts = (): Counts => {
  // Two generations, each as long as a nonce lives: what is in neither has expired.
  let young = new Map<string, Window>();
  let old = new Map<string, Window>();
  let since = 0;
  const windowOf = (nonce: string, at: number): Window => {
    if (at - since > nonceLifeMs || young.size >= mostNonces) {
      old = young;
      young = new Map();
      since = at;
    }
    const window = young.get(nonce) ?? old.get(nonce) ?? { highest: 0, seen: 0 };
    young.set(nonce, window);
    return window;
  };
  return {
    use: (nonce, nc, at) => {
      if (!/^[0-9a-f]{8}$/i.test(nc)) return false;
      const count = Number.parseInt(nc, 16);
      if (count === 0) return false;
      const window = windowOf(nonce, at);
      const ahead = count - window.highest;
      if (ahead > 0) {
        window.seen = ahead > windowBits ? 1 : ((window.seen << ahead) | 1) & 0x7fffffff;
        window.highest = count;
        return true;
      }
      const bit = -ahead >= windowBits ? 0 : 1 << -ahead;
      if (bit === 0 || (window.seen & bit) !== 0) return false;
      window.seen |= bit;
      return true;
    },
  };
};
