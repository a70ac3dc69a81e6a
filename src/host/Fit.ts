/**
 * Do projections and journal belong together? Not after one of the files was removed or restored:
 * then rows would go on behind a gap of the log, or wait for sequences that were there before.
 */
import { Effect, Schema } from "effect";
import type { Journal, ShardRef } from "../journal/Journal.ts";
import type { Store } from "../store/Store.ts";

/** The journal ends before what was projected from it. */
export class JournalCutShort extends Schema.TaggedError<JournalCutShort>()("JournalCutShort", {
  shard: Schema.Int,
  head: Schema.Int,
  projected: Schema.Int,
}) {
  override get message(): string {
    return `the journal has lost records: shard ${this.shard} ends at ${this.head}, ` +
      `the projections have seen ${this.projected}; ` +
      "restore the journal with its -wal file from one backup, or " +
      "move the projections away to go on without what was lost";
  }
}

/** Projections that have a gap forget what lives, to be fed anew; a journal with one is refused. */
export const ensure = Effect.fnUntraced(function* (
  journal: Journal["Service"],
  store: Store["Service"],
  shards: ReadonlyArray<ShardRef>,
) {
  let gap = false;
  for (const shard of shards) {
    const projected = yield* store.through(shard);
    const head = yield* journal.head(shard);
    if (projected > head) {
      return yield* new JournalCutShort({ shard: shard.shard, head, projected });
    }
    const [first] = yield* journal.read(shard, 0, 1);
    gap ||= (first?.sequence ?? 1) > projected + 1;
  }
  if (!gap) return;
  yield* Effect.logWarning(
    "the projections miss records that the journal has cut: they are made anew from the rest, " +
      "and keep the CDRs that they have",
  );
  yield* store.reset;
});
