/** A journal record: a clear header and a body that is sealed under the tenant's key. */
import { Schema } from "effect";
import { ActorId, CellId, CommandId, Epoch, Millis, ShardId, TenantId, text } from "./Ids.ts";

/** Version of the header and of the body's frame; events have versions of their own. */
export const recordVersion = 1;

export const RecordHeader = Schema.Struct({
  v: Schema.Int,
  cell: CellId,
  shard: ShardId,
  epoch: Epoch,
  sequence: Schema.Int,
  /** The actor, or `shard/` for records of the shard itself. */
  actor: Schema.Union([ActorId, Schema.Literal("shard/")]),
  tenant: Schema.Union([TenantId, Schema.Literal("")]),
  command: CommandId,
  causation: text(160),
  traceparent: Schema.NullOr(text(64)),
  at: Millis,
  /** The tenant key that sealed the body; "" for a body in clear (records of the shard). */
  key: text(32),
});
export type RecordHeader = typeof RecordHeader.Type;
