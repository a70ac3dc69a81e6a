/**
 * Hashing. `shardOf` is version 1 of the placement hash: an immutable fact of every cell, never to
 * be changed, only to be joined by a second version.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import type { ActorId, ShardId } from "../../schemas/Ids.ts";

const mixed = (hash: number): number => {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};

/** FNV-1a over UTF-16 units, then the finaliser of MurmurHash3; 32 bits. */
export const hash32 = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return mixed(hash);
};

/** 64 bits as text, for names: two FNV-1a of other seeds and primes in one pass. */
export const name64 = (text: string): string => {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x85ebca77);
  }
  return mixed(a).toString(36) + mixed(b).toString(36).padStart(7, "0");
};

export const shardOf = (actor: ActorId, shards: number): ShardId => hash32(actor) % shards;

/**
 * Keyed hash: SHA-256 over a 32-octet key and the data. Callers truncate it to at most 16 octets,
 * which removes the length extension that a bare prefix key would allow.
 */
export const keyed = (key: Uint8Array, data: Uint8Array): Uint8Array => {
  const input = new Uint8Array(key.length + data.length);
  input.set(key);
  input.set(data, key.length);
  return sha256(input);
};

/** Constant-time comparison of strings of octets. */
export const sameOctets = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
};
