/**
 * Identifiers that cross a process boundary. All are bounded: an id that a peer can choose is never
 * longer than what a journal header or a subject can carry.
 */
import { Schema } from "effect";

/** A string of at most `max` UTF-16 units. */
export const text = (max: number) => Schema.String.check(Schema.isMaxLength(max));

/** Milliseconds since the epoch (UTC). */
export const Millis = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0));

/** A cell: a set of shards with one home, named in every subject and in every id that we mint. */
export const CellId = Schema.String.check(Schema.isPattern(/^[a-z0-9]{1,3}$/));
export type CellId = typeof CellId.Type;

/**
 * A shard of a cell, `0 ... shards - 1`; at most 256 shards, because a routing tag has one byte.
 */
export const ShardId = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }));
export type ShardId = typeof ShardId.Type;

export const TenantId = Schema.String.check(
  Schema.isPattern(/^[a-z0-9][a-z0-9-]{0,31}$/, {
    expected: "1 to 32 lower-case letters, digits and hyphens",
  }),
);
export type TenantId = typeof TenantId.Type;

export const ActorKind = Schema.Literals(["call", "user", "tenant"]);
export type ActorKind = typeof ActorKind.Type;

/** `call/<token>`, `user/<tenant>/<extension>` or `tenant/<tenant>`. */
export const ActorId = Schema.String.check(
  Schema.isPattern(/^(call|user|tenant)\//),
  Schema.isMaxLength(320),
);
export type ActorId = typeof ActorId.Type;

/** Names a command for ever: the same id gets the same reply, however often it arrives. */
export const CommandId = text(128);
export type CommandId = typeof CommandId.Type;

/** An edge or a media worker, stable over restarts; its life is named by an incarnation. */
export const WorkerId = Schema.String.check(Schema.isPattern(/^[a-z0-9][a-z0-9-]{0,31}$/));
export type WorkerId = typeof WorkerId.Type;

/** Boot nonce of a worker: flows and relays of another incarnation are gone. */
export const Incarnation = text(16);
export type Incarnation = typeof Incarnation.Type;

/** A leg of a call: 0 is the caller's, callees follow. */
export const LegId = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 127 }));
export type LegId = typeof LegId.Type;

/** Owner generation of a shard; only ever grows. */
export const Epoch = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0));
export type Epoch = typeof Epoch.Type;

export const userActor = (tenant: TenantId, extension: string): ActorId =>
  `user/${tenant}/${extension}`;
export const tenantActor = (tenant: TenantId): ActorId => `tenant/${tenant}`;
export const callActor = (token: string): ActorId => `call/${token}`;
export const kindOf = (actor: ActorId): ActorKind =>
  actor.slice(0, actor.indexOf("/")) as ActorKind;
