/** What travels on the bus. */
import { Schema } from "effect";
import { CallCommand } from "./Call.ts";
import { ActorId, CellId, CommandId, Epoch, Incarnation, Millis, ShardId, text } from "./Ids.ts";
import { TenantId, WorkerId } from "./Ids.ts";
import { EffectRef } from "./Effect.ts";
import { Reply } from "./Reply.ts";
import { SocketAddress } from "./Sip.ts";
import { TenantCommand } from "./Tenant.ts";
import { UserQuery, UserRequest } from "./User.ts";

const envelope = {
  id: CommandId,
  cell: CellId,
  shard: ShardId,
  /** Null inside a dialog: the actor knows its tenant, an edge does not. */
  tenant: Schema.NullOr(TenantId),
  actor: ActorId,
  /** The sender stops waiting then; the reply is remembered a little longer. */
  deadline: Millis,
  /** The command, effect or message that led to this one. */
  causation: text(160),
  /** W3C trace context. */
  traceparent: Schema.NullOr(text(64)),
};

/** What edges may say: on `cmd.<cell>.<shard>`. */
export const RequestEnvelope = Schema.Struct({
  ...envelope,
  command: Schema.Union([CallCommand, UserRequest]),
});

/** What only cores say to each other: on `ask.<cell>.<shard>`. */
export const QueryEnvelope = Schema.Struct({
  ...envelope,
  command: Schema.Union([UserQuery, TenantCommand]),
});

export type CommandEnvelope = typeof RequestEnvelope.Type | typeof QueryEnvelope.Type;

/** A command whose tenant is known: the sender's word, else the actor's own. */
export type Addressed = CommandEnvelope & { readonly tenant: TenantId };

export const ReplyEnvelope = Schema.Struct({ id: CommandId, epoch: Epoch, reply: Reply });
export type ReplyEnvelope = typeof ReplyEnvelope.Type;

/**
 * Cores are trusted by all who ask them: of their replies only the shape is looked at, because each
 * call waits for a dozen.
 */
export const isReplyEnvelope = (value: unknown): value is ReplyEnvelope =>
  typeof value === "object" && value !== null && "reply" in value && "epoch" in value;

/** From edges and media workers to `done.<cell>.<shard>`: these effects need no repetition. */
export const EffectsDone = Schema.Array(EffectRef).check(Schema.isMaxLength(1_024));
export type EffectsDone = typeof EffectsDone.Type;

/** On `announce`: a worker lives, under this incarnation. */
export const Announcement = Schema.Struct({
  role: Schema.Literals(["edge", "media", "core"]),
  worker: WorkerId,
  incarnation: Incarnation,
});
export type Announcement = typeof Announcement.Type;

/**
 * On `realms`: what edges must know to address a command, and no more: which tenant a domain or a
 * trunk's source address belongs to. The core checks again.
 */
export const Realms = Schema.Struct({
  version: Schema.Int,
  domains: Schema.Array(Schema.Struct({ domain: text(256), tenant: TenantId, cell: CellId })),
  trunks: Schema.Array(Schema.Struct({ address: SocketAddress, tenant: TenantId, cell: CellId })),
});
export type Realms = typeof Realms.Type;
