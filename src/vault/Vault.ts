/**
 * Port of the key ring: envelope keys for each tenant, and the secrets that roles share. Destroying
 * a tenant's keys shreds its history, in every adapter.
 */
import { Context, Schema } from "effect";
import type { RoutingKeys } from "../kernel/RoutingTag.ts";

/** A key that the ring does not hold, or octets that are not what was sealed. */
export class VaultFailed extends Schema.TaggedError<VaultFailed>()("VaultFailed", {
  reason: Schema.String,
  remedy: Schema.String,
}) {
  override get message(): string {
    return `${this.reason}; ${this.remedy}`;
  }
}

export interface TenantKey {
  /** Goes into the record header. */
  readonly id: string;
  /** AES-256-GCM: nonce (12), ciphertext, tag (16). `bound` is authenticated, not hidden. */
  readonly seal: (bound: Uint8Array, clear: Uint8Array) => Uint8Array;
  /** Throws `VaultFailed`. */
  readonly open: (bound: Uint8Array, sealed: Uint8Array) => Uint8Array;
}

export class Vault extends Context.Service<Vault, {
  /** The key in force, made at the first use of a tenant. Synchronous: part of an actor's turn. */
  readonly keyOf: (tenant: string) => TenantKey;
  /** Any key of a tenant by its id; throws `VaultFailed` when the ring never held it. */
  readonly keyNamed: (tenant: string, id: string) => TenantKey | "shredded";
  /** Destroys all keys of a tenant. */
  readonly shred: (tenant: string) => void;
  readonly routing: RoutingKeys;
  /** Key for nonces, call tokens and fingerprints (domain-separated by their users). */
  readonly derive: (purpose: "nonce" | "call" | "fingerprint" | "decoy") => Uint8Array;
}>()("tandem/vault/Vault") {}
