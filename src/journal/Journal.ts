/**
 * Port of the shard logs. Ownership is the log's: an append carries the sequence that its writer
 * expects, and a writer that was overtaken fails (law 2).
 */
import { Context, type Effect, Schema } from "effect";
import type { CellId, ShardId } from "../../schemas/Ids.ts";

export interface ShardRef {
  readonly cell: CellId;
  readonly shard: ShardId;
}

/** Somebody else has written to this shard: drop it, nothing of this append was stored. */
export class JournalFenced extends Schema.TaggedError<JournalFenced>()("JournalFenced", {
  shard: Schema.Int,
  expected: Schema.Int,
  actual: Schema.Int,
}) {
  override get message(): string {
    return `shard ${this.shard} is at ${this.actual}, not at ${this.expected}: ` +
      "somebody else owns it";
  }
}

/** The outcome is unknown or the storage failed; nothing may be sent. */
export class JournalUnavailable
  extends Schema.TaggedError<JournalUnavailable>()("JournalUnavailable", {
    reason: Schema.String,
    remedy: Schema.String,
  }) {
  override get message(): string {
    return `${this.reason}; ${this.remedy}`;
  }
}

export interface Append {
  readonly shard: ShardRef;
  /** Sequence of the last record that the writer knows; 0 for an empty log. */
  readonly expected: number;
  readonly records: ReadonlyArray<Uint8Array>;
}

export interface Stored {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** Most octets of one append of several records (design, section 6). */
export const maxAppendOctets = 256 * 1024;
/** Most octets of a single record: an actor in a checkpoint can be that large. */
export const maxRecordOctets = 2 * 1024 * 1024;

/** Why an append is too large for every adapter, if it is. */
export const oversize = ({ records, shard }: Append): JournalUnavailable | undefined => {
  let octets = 0;
  for (const record of records) octets += record.length;
  const most = records.length > 1 ? maxAppendOctets : maxRecordOctets;
  if (octets <= most) return undefined;
  return new JournalUnavailable({
    reason: `an append of ${octets} octets to shard ${shard.shard}, of at most ${most}`,
    remedy: "this is a defect of Tandem: please report it",
  });
};

export class Journal extends Context.Service<Journal, {
  /**
   * Stores all records or none; the result is the log's new last sequence. Without records it only
   * compares. The records are the caller's again once it has the outcome.
   */
  readonly append: (append: Append) => Effect.Effect<number, JournalFenced | JournalUnavailable>;
  /** Records after `after`, in order, at most `limit`. */
  readonly read: (
    shard: ShardRef,
    after: number,
    limit: number,
  ) => Effect.Effect<ReadonlyArray<Stored>, JournalUnavailable>;
  /** Last sequence, 0 for an empty log. A cut does not change it. */
  readonly head: (shard: ShardRef) => Effect.Effect<number, JournalUnavailable>;
  /** Removes records up to `through`; the last record always stays. */
  readonly cut: (shard: ShardRef, through: number) => Effect.Effect<void, JournalUnavailable>;
}>()("tandem/journal/Journal") {}
