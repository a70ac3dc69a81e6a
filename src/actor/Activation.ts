/**
 * Taking a shard over: fold its log from the last checkpoint, then announce the new epoch by one
 * conditional append. Whoever wrote last owns it.
 */
import { Effect, Schema } from "effect";
import type { ActorId } from "../../schemas/Ids.ts";
import { recordVersion } from "../../schemas/Record.ts";
import { ActorSnapshot, ShardEvent } from "../../schemas/Shard.ts";
import type { Journal } from "../journal/Journal.ts";
import { JournalUnavailable, type ShardRef } from "../journal/Journal.ts";
import type { AnyBehaviour } from "./Behaviour.ts";
import * as Cell from "./Cell.ts";
import * as Record from "./Record.ts";
import type { Committed, Recovered } from "./Shard.ts";

/** Facts of a cell that can never change: a core that differs must not touch its logs. */
export class CellMismatch extends Schema.TaggedError<CellMismatch>()("CellMismatch", {
  shard: Schema.Int,
  reason: Schema.String,
  remedy: Schema.String,
}) {
  override get message(): string {
    return `shard ${this.shard}: ${this.reason}; ${this.remedy}`;
  }
}

export interface Claim {
  /** Who takes over, for people. */
  readonly owner: string;
  readonly shards: number;
  readonly hashVersion: number;
}

export interface Sources {
  readonly journal: Journal["Service"];
  readonly sealer: Record.Sealer;
  readonly behaviourOf: (actor: ActorId) => AnyBehaviour | undefined;
  /** Records of actors, for projections that have not seen them. */
  readonly replayed: (shard: ShardRef, records: ReadonlyArray<Committed>) => void;
}

const pageRecords = 2_000;
const decodeOwn = Schema.decodeUnknownSync(ShardEvent);
const decodeSnapshot = Schema.decodeUnknownSync(ActorSnapshot);

/** The fold of a log while it is read. */
class Replay {
  cells = new Map<ActorId, Cell.Cell>();
  head = 0;
  lastAt = 0;
  epoch = 0;
  sinceCheckpoint = 0;
  readonly committed: Array<Committed> = [];
  private snapshots: Map<ActorId, Cell.Cell> | undefined;
  private readonly sources: Sources;
  private readonly shard: ShardRef;
  private readonly claim: Claim;

  constructor(shard: ShardRef, claim: Claim, sources: Sources) {
    this.shard = shard;
    this.claim = claim;
    this.sources = sources;
  }

  take(sequence: number, bytes: Uint8Array): void {
    const at = { shard: this.shard.shard, sequence };
    const { header, body } = Record.decode(this.sources.sealer, at, bytes);
    if (header.sequence !== sequence) {
      throw new Record.RecordUnreadable({
        ...at,
        reason: `the record says that its sequence is ${header.sequence}`,
      });
    }
    this.head = sequence;
    this.lastAt = Math.max(this.lastAt, header.at);
    this.sinceCheckpoint++;
    if (header.actor === "shard/") this.own(decodeOwn(body), header);
    else if (body !== undefined) this.actor(header, body);
  }

  private own(event: ShardEvent, header: Record.Decoded["header"]): void {
    switch (event._tag) {
      case "ShardActivated":
        this.epoch = event.epoch;
        return this.check(event);
      case "EdgeLost":
        for (const cell of this.cells.values()) {
          this.attempt(cell, () => {
            const own = cell.behaviour.broadcast(event);
            if (own !== undefined) Cell.apply(cell, header, [own]);
          });
        }
        return;
      case "EffectsConfirmed":
        for (const ref of event.refs) {
          const cell = this.cells.get(ref.actor);
          if (cell !== undefined) Cell.confirm(cell, ref);
        }
        return;
      case "CheckpointStarted":
        this.snapshots = new Map();
        return;
      case "CheckpointEnded":
        // Without its start (a cut never removes it) there is nothing to take over.
        if (this.snapshots !== undefined) this.cells = this.snapshots;
        this.snapshots = undefined;
        this.sinceCheckpoint = 0;
        return;
    }
  }

  private check(event: { readonly shards: number; readonly hash: number }): void {
    const { shards, hashVersion } = this.claim;
    if (event.shards === shards && event.hash === hashVersion) return;
    throw new CellMismatch({
      shard: this.shard.shard,
      reason: `the journal was written with ${event.shards} shards and hash version ` +
        `${event.hash}, this process has ${shards} and ${hashVersion}`,
      remedy: "start with the same number of shards; a cell can never change it",
    });
  }

  private actor(header: Record.Decoded["header"], body: unknown): void {
    const actor = header.actor as ActorId;
    const behaviour = this.sources.behaviourOf(actor);
    if (behaviour === undefined) return;
    if (typeof body === "object" && body !== null && "snapshot" in body) {
      const snapshot = decodeSnapshot(body.snapshot);
      const cell = Cell.restore(header.tenant, behaviour, header.sequence, snapshot);
      this.snapshots?.set(actor, cell);
      this.committed.push({ header, events: [], state: snapshot.state });
      return;
    }
    const { events: raw, reply } = body as Record.Body;
    const events = raw.map(behaviour.decodeEvent);
    const cell = this.cells.get(actor) ?? Cell.make(actor, header.tenant, behaviour);
    this.cells.set(actor, cell);
    this.committed.push({ header, events });
    this.attempt(cell, () => {
      Cell.apply(cell, header, events);
      const until = header.at + Cell.effectLifeMs + Cell.replyMarginMs;
      Cell.remember(cell, { id: header.command, reply, until }, header.at);
    });
  }

  /** What comes after a record that an actor cannot fold, it cannot fold either. */
  private attempt(cell: Cell.Cell, fold: () => void): void {
    if (cell.broken) return;
    try {
      Cell.whole(cell, fold);
    } catch (cause) {
      cell.broken = true;
      cell.parked = String(cause);
    }
  }
}

/** Reads a log to its end. */
const replay = Effect.fnUntraced(
  function* (shard: ShardRef, claim: Claim, sources: Sources) {
    const fold = new Replay(shard, claim, sources);
    for (;;) {
      const page = yield* sources.journal.read(shard, fold.head, pageRecords);
      if (page.length === 0) return fold;
      yield* Effect.try({
        try: () => page.forEach(({ sequence, bytes }) => fold.take(sequence, bytes)),
        catch: (cause) =>
          cause instanceof Record.RecordUnreadable || cause instanceof CellMismatch
            ? cause
            : new Record.RecordUnreadable({
              shard: shard.shard,
              sequence: fold.head,
              reason: String(cause),
            }),
      });
      sources.replayed(shard, fold.committed.splice(0));
    }
  },
);

/**
 * Replays the log and announces the next epoch. A conflict means that somebody wrote meanwhile:
 * read on and try again, a bounded number of times.
 */
export const activate = Effect.fn("Activation.activate")(
  function* (shard: ShardRef, claim: Claim, sources: Sources) {
    for (let attempt = 0; attempt < 10; attempt++) {
      const fold = yield* replay(shard, claim, sources);
      const epoch = fold.epoch + 1;
      const record = Record.encode(sources.sealer, {
        v: recordVersion,
        cell: shard.cell,
        shard: shard.shard,
        epoch,
        sequence: fold.head + 1,
        actor: "shard/",
        tenant: "",
        command: "",
        causation: "",
        traceparent: null,
        at: fold.lastAt,
        key: "",
      }, {
        _tag: "ShardActivated",
        epoch,
        owner: claim.owner,
        shards: claim.shards,
        hash: claim.hashVersion,
      });
      const stored = yield* sources.journal
        .append({ shard, expected: fold.head, records: [record] })
        .pipe(Effect.catchTag("JournalFenced", () => Effect.succeed(undefined)));
      if (stored !== undefined) {
        const { cells, lastAt, sinceCheckpoint } = fold;
        return { cells, lastAt, sinceCheckpoint, epoch, head: stored } satisfies Recovered;
      }
    }
    return yield* new JournalUnavailable({
      reason: `shard ${shard.shard} is written to by somebody else all the time`,
      remedy: "stop the other process that uses this journal",
    });
  },
);
