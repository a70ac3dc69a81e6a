/**
 * Port of the projections: rows that can be rebuilt from the journals at any time, never on the
 * path of a call (law 3).
 */
import { Context, type Effect, Schema } from "effect";
import type { BindingRow, CallRow, CdrRow, MessageRow } from "../../schemas/rpc/Rows.ts";
import type { ShardRef } from "../journal/Journal.ts";
import type { Change } from "../projection/Projection.ts";

export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  reason: Schema.String,
  remedy: Schema.String,
}) {
  override get message(): string {
    return `${this.reason}; ${this.remedy}`;
  }
}

/** Changes of one shard, with the sequence of the last record that they come from. */
export interface Batch {
  readonly shard: ShardRef;
  readonly through: number;
  readonly changes: ReadonlyArray<Change>;
}

/** Most rows of one answer. */
export const mostRows = 10_000;

export class Store extends Context.Service<Store, {
  /** Writes batches in one transaction; what was written before is skipped. */
  readonly write: (
    batches: ReadonlyArray<Batch>,
    messages: ReadonlyArray<MessageRow>,
  ) => Effect.Effect<void, StoreUnavailable>;
  /** Forgets live calls, bindings and cursors, to be fed from the journals again. CDRs stay. */
  readonly reset: Effect.Effect<void, StoreUnavailable>;
  /** Sequence of the last projected record. */
  readonly through: (shard: ShardRef) => Effect.Effect<number, StoreUnavailable>;
  /** Newest first. */
  readonly calls: (
    tenant: string | null,
  ) => Effect.Effect<ReadonlyArray<CallRow>, StoreUnavailable>;
  /** Those that ended last, first. */
  readonly cdrs: (
    tenant: string | null,
    limit: number,
  ) => Effect.Effect<ReadonlyArray<CdrRow>, StoreUnavailable>;
  readonly call: (
    call: string,
  ) => Effect.Effect<
    { readonly call: CallRow | null; readonly cdr: CdrRow | null },
    StoreUnavailable
  >;
  readonly bindings: (
    tenant: string | null,
  ) => Effect.Effect<ReadonlyArray<BindingRow>, StoreUnavailable>;
  readonly messages: (call: string) => Effect.Effect<ReadonlyArray<MessageRow>, StoreUnavailable>;
}>()("tandem/store/Store") {}
