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
/** Changes of one transaction, and the pause after it: the store writes on the thread of calls. */
const mostAtOnce = 1_000;
const breathMs = 5;
/** How long the end waits for a store: the rest is in the journal. */
const lastMs = 5_000;

interface Lane {
  readonly shard: ShardRef;
  /** In the store, and handed to this projector. */
  stored: number;
  seen: number;
  /** What each record changes, oldest first; records that change nothing are left out. */
  waiting: Array<{ readonly sequence: number; readonly changes: ReadonlyArray<Change> }>;
}

/** Takes whole records from the front of a lane, until there is no room. */
const take = (
  { seen, shard, waiting }: Lane,
  room: number,
): Batch & { readonly records: number } => {
  const changes: Array<Change> = [];
  let records = 0;
  while (records < waiting.length && changes.length < room) {
    changes.push(...waiting[records++]!.changes);
  }
  const through = records === waiting.length ? seen : waiting[records - 1]!.sequence;
  return { shard, through, changes, records };
};

/** Only what the store needs is looked at here, the rest where it is read. */
const isMessage = (row: unknown): row is MessageRow =>
  typeof row === "object" && row !== null && "call" in row && typeof row.call === "string";

/** A lane for each shard, from where the store is. */
const openLanes = Effect.fnUntraced(function* (
  store: Store["Service"],
  shards: ReadonlyArray<ShardRef>,
) {
  const lanes = new Map<number, Lane>();
  for (const shard of shards) {
    const stored = yield* store.through(shard);
    lanes.set(shard.shard, { shard, stored, seen: stored, waiting: [] });
  }
  return lanes;
});

/** What waits for the store. */
interface Backlog {
  readonly lanes: ReadonlyMap<number, Lane>;
  messages: Array<MessageRow>;
  /** Changes in all lanes. */
  waiting: number;
}

/** Writes a part of the backlog in one transaction; true when there is more. */
const writer = (store: Store["Service"], backlog: Backlog, counters: Counters) => {
  const failures = counters.counter("projection_failures_total");
  const droppedMessages = counters.counter("projection_messages_dropped_total");
  let behind = false;
  return Effect.suspend(() => {
    const taken: Array<readonly [Lane, ReturnType<typeof take>]> = [];
    let room = mostAtOnce;
    for (const lane of backlog.lanes.values()) {
      if (lane.seen <= lane.stored || room <= 0) continue;
      const batch = take(lane, room);
      room -= batch.changes.length;
      taken.push([lane, batch]);
    }
    const rows = backlog.messages;
    if (taken.length === 0 && rows.length === 0) return Effect.succeed(false);
    backlog.messages = [];
    return Effect.matchEffect(store.write(taken.map(([, batch]) => batch), rows), {
      onSuccess: () =>
        Effect.sync(() => {
          behind = false;
          for (const [lane, { changes, records, through }] of taken) {
            lane.stored = through;
            lane.waiting.splice(0, records);
            backlog.waiting -= changes.length;
          }
          return backlog.waiting > 0;
        }),
      onFailure: (error) => {
        failures.value++;
        // Ladders are not worth a second try, of which they might be the reason.
        droppedMessages.value += rows.length;
        if (behind) return Effect.succeed(false);
        behind = true;
        return Effect.as(Effect.logError("projections are behind", error), false);
      },
    });
  });
};

export const make = Effect.fnUntraced(function* (
  store: Store["Service"],
  shards: ReadonlyArray<ShardRef>,
  counters: Counters,
) {
  const lanes = yield* openLanes(store, shards);
  const backlog: Backlog = { lanes, messages: [], waiting: 0 };
  const droppedMessages = counters.counter("projection_messages_dropped_total");
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
      if (changes.length > 0) lane.waiting.push({ sequence: header.sequence, changes });
      backlog.waiting += changes.length;
    }
    // A store that is away for so long is fed from the journal at the next start.
    stopped = backlog.waiting > mostChanges;
  };

  const trace = (rows: ReadonlyArray<MessageRow>): void => {
    const room = Math.max(0, mostMessages - backlog.messages.length);
    const good = rows.filter(isMessage).slice(0, room);
    backlog.messages.push(...good);
    droppedMessages.value += rows.length - good.length;
  };

  const write = writer(store, backlog, counters);
  const flush = (pause: Effect.Effect<void>): Effect.Effect<void> =>
    Effect.flatMap(
      write,
      (isMore) => isMore ? Effect.andThen(pause, flush(pause)) : Effect.void,
    );

  yield* flush(Effect.sleep(breathMs)).pipe(
    Effect.andThen(Effect.sleep(flushMs)),
    Effect.forever,
    Effect.forkScoped,
  );
  yield* Effect.addFinalizer(() => Effect.timeoutOption(flush(Effect.void), lastMs));

  const projector: Projector = {
    feed,
    trace,
    through: ({ shard }) => lanes.get(shard)?.stored ?? 0,
  };
  return projector;
});
