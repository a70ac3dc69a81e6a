/**
 * Feeds the projections behind the journal: batched, retried, never waited for. What the store has
 * not got is still in the journal, because a cut does not pass the store's cursor.
 */
import { Effect } from "effect";
import type { MessageRow } from "../../schemas/rpc/Rows.ts";
import type { Committed } from "../actor/Shard.ts";
import type { ShardRef } from "../journal/Journal.ts";
import { type Change, changesOf } from "../projection/Projection.ts";
import type { Batch, Store } from "../store/Store.ts";
import type { Counters } from "../telemetry/Counters.ts";

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

export const make = Effect.fnUntraced(function* (
  store: Store["Service"],
  shards: ReadonlyArray<ShardRef>,
  counters: Counters,
) {
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
    for (const { header, events } of records) {
      if (header.sequence <= lane.seen) continue;
      const changes = changesOf(header, events);
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
