/**
 * Feeds the projections behind the journal: batched, retried, never waited for. What the store has
 * not got is still in the journal, because a cut does not pass the store's cursor.
 */
import { Effect } from "effect";
import type { MessageRow } from "../../schemas/rpc/Rows.ts";
import type { Committed } from "../actor/Shard.ts";
import type { Journal, ShardRef } from "../journal/Journal.ts";
import { type Change, changesOf } from "../projection/Projection.ts";
import type { Batch, Store } from "../store/Store.ts";
import type { Counters } from "../telemetry/Counters.ts";
import * as Restored from "./Restored.ts";

export interface Projector {
  readonly feed: (shard: ShardRef, records: ReadonlyArray<Committed>) => void;
  readonly trace: (rows: ReadonlyArray<MessageRow>) => void;
  /** Sequence that the store has. */
  readonly through: (shard: ShardRef) => number;
}

const flushMs = 200;
const mostChanges = 500_000;
const mostMessages = 50_000;

interface Lane {
  readonly shard: ShardRef;
  /** In the store, and handed to this projector. */
  stored: number;
  seen: number;
  changes: Array<Change>;
}

/**
 * Do they belong together? Not after one of the two files was deleted or restored: then the rows go
 * on behind a gap of the log, or wait for sequences that were there before.
 */
const fits = Effect.fnUntraced(function* (
  journal: Journal["Service"],
  store: Store["Service"],
  shard: ShardRef,
) {
  const through = yield* store.through(shard);
  const [first] = yield* journal.read(shard, 0, 1);
  return through <= (yield* journal.head(shard)) && (first?.sequence ?? 1) <= through + 1;
});

export const make = Effect.fnUntraced(function* (
  journal: Journal["Service"],
  store: Store["Service"],
  shards: ReadonlyArray<ShardRef>,
  counters: Counters,
) {
  const fitting = yield* Effect.forEach(shards, (shard) => fits(journal, store, shard));
  if (fitting.includes(false)) {
    yield* Effect.logWarning(
      "the projections do not fit the journal, and are made again from it; " +
        "of calls that ended before its last checkpoints they keep the CDRs that they have",
    );
    yield* store.reset;
  }
  const lanes = new Map<number, Lane>();
  for (const shard of shards) {
    const stored = yield* store.through(shard);
    lanes.set(shard.shard, { shard, stored, seen: stored, changes: [] });
  }
  const failures = counters.counter("projection_failures_total");
  const droppedMessages = counters.counter("projection_messages_dropped_total");
  let messages: Array<MessageRow> = [];
  let waiting = 0;
  let stopped = false;

  const feed = (shard: ShardRef, records: ReadonlyArray<Committed>): void => {
    const lane = lanes.get(shard.shard);
    if (lane === undefined || stopped) return;
    for (const { header, events, state } of records) {
      if (header.sequence <= lane.seen) continue;
      const changes = state === undefined
        ? changesOf(header, events)
        : Restored.changesOf(header, state);
      lane.seen = header.sequence;
      lane.changes.push(...changes);
      waiting += changes.length;
    }
    // A store that is away for so long is fed from the journal at the next start.
    stopped = waiting > mostChanges;
  };

  const flush = Effect.suspend(() => {
    const busy = [...lanes.values()].filter(({ seen, stored }) => seen > stored);
    const rows = messages;
    if (busy.length === 0 && rows.length === 0) return Effect.void;
    const batches = busy.map((lane): Batch => {
      const { changes, seen, shard } = lane;
      return { shard, through: seen, changes: [...changes] };
    });
    const taken = busy.map(({ changes }) => changes.length);
    messages = [];
    return Effect.matchEffect(store.write(batches, rows), {
      onSuccess: () =>
        Effect.sync(() => {
          busy.forEach((lane, n) => {
            lane.stored = batches[n]!.through;
            lane.changes.splice(0, taken[n]!);
            waiting -= taken[n]!;
          });
        }),
      onFailure: (error) => {
        failures.value++;
        return Effect.logError("projections are behind", error);
      },
    });
  });

  yield* flush.pipe(Effect.andThen(Effect.sleep(flushMs)), Effect.forever, Effect.forkScoped);
  yield* Effect.addFinalizer(() => flush);

  const projector: Projector = {
    feed,
    trace: (rows) => {
      const room = Math.max(0, mostMessages - messages.length);
      messages.push(...rows.slice(0, room));
      droppedMessages.value += Math.max(0, rows.length - room);
    },
    through: ({ shard }) => lanes.get(shard)?.stored ?? 0,
  };
  return projector;
});
