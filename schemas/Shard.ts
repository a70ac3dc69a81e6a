/** Records of a shard itself. Their bodies are in clear: they hold no data of a tenant. */
import { Schema } from "effect";
import { EffectRef } from "./Effect.ts";
import { ActorId, Epoch, Incarnation, Millis, text, WorkerId } from "./Ids.ts";

export const ShardEvent = Schema.TaggedUnion({
  /** The first append of an owner: every older owner's next append fails (law 2). */
  ShardActivated: { epoch: Epoch, owner: text(64), shards: Schema.Int, hash: Schema.Int },
  /** Folded by every actor of the shard. */
  EdgeLost: { at: Millis, edge: WorkerId, incarnation: Incarnation },
  /** Watermark: these effects need not be derived again. */
  EffectsConfirmed: { refs: Schema.Array(EffectRef) },
  /** All before `CheckpointStarted` may be cut once `CheckpointEnded` is stored. */
  CheckpointStarted: { epoch: Epoch },
  CheckpointEnded: { started: Schema.Int, lastAt: Millis },
});
export type ShardEvent = typeof ShardEvent.Type;

/** One actor in a checkpoint; the record is sealed under the key of its tenant. */
export const ActorSnapshot = Schema.Struct({
  actor: ActorId,
  state: Schema.Unknown,
  pending: Schema.Array(
    Schema.Struct({ ref: EffectRef, deadline: Millis, effect: Schema.Unknown }),
  ),
  replies: Schema.Array(Schema.Tuple([text(128), Schema.Unknown, Millis])),
});
export type ActorSnapshot = typeof ActorSnapshot.Type;
