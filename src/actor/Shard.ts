/**
 * A shard that this process owns: its actors, its mailbox, and one append in flight. A turn is
 * synchronous: decide, evolve, and put a record into the batch that leaves next. Replies and
 * effects wait for its acknowledgement (law 1).
 */
import type { EffectRef } from "../../schemas/Effect.ts";
import type { ActorId, Epoch, TenantId } from "../../schemas/Ids.ts";
import { type RecordHeader, recordVersion } from "../../schemas/Record.ts";
import { answered, type Reply } from "../../schemas/Reply.ts";
import type { ShardEvent } from "../../schemas/Shard.ts";
import type { ShardRef } from "../journal/Journal.ts";
import { maxAppendOctets, maxRecordOctets } from "../journal/Journal.ts";
import type { Counter } from "../telemetry/Counters.ts";
import type { AnyBehaviour, Deadline, Input, ShardBroadcast } from "./Behaviour.ts";
import * as Cell from "./Cell.ts";
import type { Deadlines } from "./Deadlines.ts";
import * as Mailbox from "./Mailbox.ts";
import * as Record from "./Record.ts";

/** A record that the journal has: for projections. */
export interface Committed {
  readonly header: RecordHeader;
  readonly events: ReadonlyArray<unknown>;
  /** Of an actor in a checkpoint, which stands for records that may be cut; without events. */
  readonly state?: unknown;
}

/** What a shard needs from the process around it. */
export interface Surroundings {
  readonly now: () => number;
  readonly sealer: Record.Sealer;
  readonly behaviourOf: (actor: ActorId) => AnyBehaviour | undefined;
  readonly deadlines: Deadlines;
  readonly counts: {
    readonly refused: Counter;
    readonly parked: Counter;
    readonly records: Counter;
    readonly appends: Counter;
  };
  readonly limits: Limits;
  /** Stores records: then `shard.stored()`; on failure the shard is closed and activated anew. */
  readonly append: (
    shard: Shard,
    expected: number,
    records: ReadonlyArray<Uint8Array>,
  ) => void;
  /** Sends effects out, in order for each actor. */
  readonly release: (shard: Shard, actor: ActorId, due: ReadonlyArray<Cell.Pending>) => void;
  readonly committed: (shard: ShardRef, records: ReadonlyArray<Committed>) => void;
  /** Everything up to here is in a checkpoint. */
  readonly cut: (shard: ShardRef, through: number) => void;
  readonly defect: (actor: ActorId, cause: unknown) => void;
}

export interface Limits {
  readonly mailbox: number;
  readonly mailboxPerTenant: number;
  /** Records that may wait for the append in flight. */
  readonly batchRecords: number;
  /**
   * Records after which a checkpoint is written, and two for each live actor: a start reads at most
   * so many and the checkpoint itself, and a checkpoint is at most half of what is written.
   */
  readonly checkpointRecords: number;
  /** Actors in the checkpoints of one round of housekeeping, one shard at least: they cost time. */
  readonly checkpointActors: number;
}

/** One command (or deadline) on its way through the shard. */
export interface Item {
  readonly id: string;
  readonly actor: ActorId;
  readonly tenant: TenantId;
  readonly causation: string;
  readonly traceparent: string | null;
  /** Until when the sender may repeat it. */
  readonly deadline: number;
  readonly input: Input<unknown>;
  /** Undefined: nobody knows what became of it; the sender asks again with the same id. */
  readonly resume: (reply: Reply | undefined) => void;
}

/** A record on its way to the journal, and what waits for it. */
interface Entry {
  readonly record: Uint8Array;
  readonly committed: Committed | undefined;
  readonly item: Item | undefined;
  readonly after: () => void;
}

const overloaded: Reply = { _tag: "Overloaded", retryAfterMs: 2_000 };
const parked: Reply = answered(500, [], "Actor Parked");
const nothing = (): void => {};
const settleMs = 2_000;
/** Confirmations in one record. */
const mostConfirmed = 1_000;
/** A refused deadline is tried again after this. */
const deadlineRetryMs = 1_000;

/** What activation found in the log. */
export interface Recovered {
  readonly cells: Map<ActorId, Cell.Cell>;
  readonly head: number;
  readonly lastAt: number;
  readonly epoch: Epoch;
  /** Records read behind the last checkpoint. */
  readonly sinceCheckpoint: number;
}

export class Shard {
  readonly ref: ShardRef;
  readonly epoch: Epoch;
  readonly cells: Map<ActorId, Cell.Cell>;
  private readonly around: Surroundings;
  /** Overdue deadlines wait until senders had the time to repeat what they could not deliver. */
  private readonly settledAt: number;
  private readonly mailbox: Mailbox.Mailbox<Item>;
  /** Sequence of the last record made, and of the last one that the journal has. */
  private head: number;
  private acknowledged: number;
  private lastAt: number;
  private sinceCheckpoint: number;
  private waiting: Array<Entry> = [];
  private waitingOctets = 0;
  private flying: ReadonlyArray<Entry> = [];
  private confirmed: Array<EffectRef> = [];
  private closed = false;
  /** Replies without a record, that must not overtake the records that their state rests on. */
  private readonly behind: Array<
    { readonly sequence: number; readonly item: Item; readonly reply: Reply }
  > = [];

  constructor(ref: ShardRef, recovered: Recovered, around: Surroundings) {
    this.ref = ref;
    this.around = around;
    this.epoch = recovered.epoch;
    this.cells = recovered.cells;
    this.head = this.acknowledged = recovered.head;
    this.lastAt = recovered.lastAt;
    this.sinceCheckpoint = recovered.sinceCheckpoint;
    const { mailbox: total, mailboxPerTenant: perTenant } = around.limits;
    this.mailbox = Mailbox.make<Item>({ total, perTenant });
    this.settledAt = around.now() + settleMs;
    for (const cell of this.cells.values()) {
      if (cell.parked !== undefined) this.park(cell, cell.parked);
      else this.attempt(cell, () => this.watchDeadline(cell));
    }
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** Takes a command; refused when the mailbox is full. */
  offer(item: Item): void {
    if (this.closed) return item.resume(undefined);
    if (!this.mailbox.offer(item.tenant, item)) {
      this.around.counts.refused.value++;
      return item.resume(overloaded);
    }
    this.drain();
  }

  /** Appends a record of the shard itself and folds it into every actor. */
  broadcast(given: ShardBroadcast): void {
    if (this.closed) return;
    const event = { ...given, at: this.timestamp() };
    const release: Array<() => void> = [];
    const header = this.putOwn(event, () => release.forEach((run) => run()));
    for (const cell of this.cells.values()) {
      if (cell.broken) continue;
      const told = this.attempt(cell, () => {
        const own = cell.behaviour.broadcast(event);
        if (own === undefined) return;
        const due = Cell.apply(cell, header, [own]);
        this.watchDeadline(cell);
        if (due.length > 0) release.push(() => this.around.release(this, cell.actor, due));
      });
      // The record stays: a replay stops at it too.
      cell.broken = !told;
    }
    this.flush();
  }

  /** An effect was performed. */
  confirm(ref: EffectRef): void {
    const cell = this.cells.get(ref.actor);
    if (cell !== undefined && Cell.confirm(cell, ref)) this.confirmed.push(ref);
  }

  /** Records above those that are worth a checkpoint. */
  get excess(): number {
    return this.sinceCheckpoint - this.around.limits.checkpointRecords - 2 * this.cells.size;
  }

  /**
   * Housekeeping, about once a second: watermarks, what has expired, actors that are over; and with
   * `mayCheckpoint` a checkpoint that is due. The result is the number of actors in it.
   */
  sweep(mayCheckpoint = true): number {
    if (this.closed) return 0;
    const now = this.around.now();
    for (const cell of this.cells.values()) {
      Cell.expire(cell, now);
      if (Cell.isForgettable(cell, now)) this.forget(cell);
    }
    // Of actors that are gone, nothing can be derived again.
    const refs = this.confirmed.filter(({ actor }) => this.cells.has(actor));
    this.confirmed = [];
    for (let n = 0; n < refs.length; n += mostConfirmed) {
      this.putOwn({ _tag: "EffectsConfirmed", refs: refs.slice(n, n + mostConfirmed) });
    }
    const isDue = mayCheckpoint && this.excess > 0;
    if (isDue) this.checkpoint();
    this.flush();
    return isDue ? this.cells.size : 0;
  }

  private forget(cell: Cell.Cell): void {
    this.unwatch(cell);
    this.cells.delete(cell.actor);
  }

  /** Refuses everything from now on; whoever waits is told that nothing is known. */
  close(): void {
    this.closed = true;
    for (const cell of this.cells.values()) this.unwatch(cell);
    for (const { item } of [...this.flying, ...this.waiting, ...this.behind]) {
      item?.resume(undefined);
    }
    for (let item = this.mailbox.take(); item !== undefined; item = this.mailbox.take()) {
      item.resume(undefined);
    }
  }

  private timestamp(): number {
    return (this.lastAt = Math.max(this.lastAt, this.around.now()));
  }

  private put(
    clear: Pick<RecordHeader, "actor" | "tenant" | "command" | "causation" | "traceparent" | "at">,
    body: unknown,
    wait: (header: RecordHeader) => Omit<Entry, "record">,
  ): RecordHeader {
    const { sealer } = this.around;
    const header: RecordHeader = {
      v: recordVersion,
      cell: this.ref.cell,
      shard: this.ref.shard,
      epoch: this.epoch,
      sequence: this.head + 1,
      ...clear,
      key: clear.tenant === "" ? "" : sealer.keyOf(clear.tenant),
    };
    const record = Record.encode(sealer, header, body);
    if (record.length > maxRecordOctets) {
      throw new Error(`a record of ${record.length} octets, of at most ${maxRecordOctets}`);
    }
    // A defect in folding it must leave no gap in the sequence: the record counts only from here.
    const entry = { record, ...wait(header) };
    this.head++;
    this.waiting.push(entry);
    this.waitingOctets += record.length;
    this.sinceCheckpoint++;
    return header;
  }

  private putOwn(event: ShardEvent, after: () => void = nothing): RecordHeader {
    const at = this.timestamp();
    const clear = { actor: "shard/", tenant: "", command: "", causation: "" } as const;
    return this.put(
      { ...clear, traceparent: null, at },
      event,
      () => ({ committed: undefined, item: undefined, after }),
    );
  }

  private unwatch(cell: Cell.Cell): void {
    if (cell.deadline !== undefined) this.around.deadlines.remove(cell.deadline);
    cell.deadline = undefined;
  }

  private watchDeadline(cell: Cell.Cell, notBefore = this.settledAt): void {
    const { deadlines, now } = this.around;
    this.unwatch(cell);
    if (cell.parked !== undefined) return;
    const wanted = cell.behaviour.deadlineOf(cell.state);
    if (wanted !== undefined) {
      cell.deadline = deadlines.add(Math.max(wanted.at, notBefore), () => {
        cell.deadline = undefined;
        this.offer(this.deadlineItem(cell, wanted));
      });
    }
    cell.overSince = cell.behaviour.isOver(cell.state) ? cell.overSince || now() : 0;
  }

  private deadlineItem(cell: Cell.Cell, deadline: Deadline): Item {
    return {
      id: `deadline/${deadline.name}/${deadline.generation}`,
      actor: cell.actor,
      tenant: cell.tenant,
      causation: deadline.name,
      traceparent: null,
      deadline: deadline.at,
      input: { _tag: "DeadlinePassed", deadline },
      resume: (reply) => {
        if (reply?._tag !== "Overloaded") return;
        this.watchDeadline(cell, this.around.now() + deadlineRetryMs);
      },
    };
  }

  private park(cell: Cell.Cell, cause: unknown): void {
    cell.parked = String(cause);
    this.around.counts.parked.value++;
    this.unwatch(cell);
    this.around.defect(cell.actor, cause);
  }

  /** False when it had a defect: then the actor is parked, as it was before. */
  private attempt(cell: Cell.Cell, fold: () => void): boolean {
    try {
      Cell.whole(cell, fold);
      return true;
    } catch (cause) {
      this.park(cell, cause);
      return false;
    }
  }

  /** Without a record, the reply waits for the records that the actor's state rests on. */
  private replyBehind(cell: Cell.Cell, item: Item, reply: Reply): void {
    if (cell.sequence <= this.acknowledged) item.resume(reply);
    else this.behind.push({ sequence: cell.sequence, item, reply });
  }

  private record(
    cell: Cell.Cell,
    item: Item,
    at: number,
    events: ReadonlyArray<unknown>,
    reply: Reply,
  ): void {
    const { id: command, causation, traceparent } = item;
    const { actor, tenant } = cell;
    const clear = { actor, tenant, command, causation, traceparent, at };
    // A sender says how long it repeats the command, but not longer than a replay would believe.
    const until = Math.min(item.deadline, at + Cell.effectLifeMs) + Cell.replyMarginMs;
    this.put(clear, { events, reply }, (header) => {
      const due = Cell.whole(cell, () => {
        const due = Cell.apply(cell, header, events);
        Cell.remember(cell, { id: command, reply, until }, at);
        this.watchDeadline(cell);
        return due;
      });
      this.cells.set(actor, cell);
      const after = () => {
        item.resume(reply);
        if (due.length > 0) this.around.release(this, actor, due);
      };
      return { committed: { header, events }, item, after };
    });
  }

  private turn(item: Item): void {
    const behaviour = this.around.behaviourOf(item.actor);
    if (behaviour === undefined) return item.resume(answered(404));
    const cell = this.cells.get(item.actor) ?? Cell.make(item.actor, item.tenant, behaviour);
    const known = Cell.recall(cell, item.id);
    if (known !== undefined) return this.replyBehind(cell, item, known);
    if (cell.parked !== undefined) return item.resume(parked);
    const at = this.timestamp();
    try {
      const { actor, tenant } = cell;
      const context = { at, actor, tenant, shard: this.ref, epoch: this.epoch };
      const stamped = behaviour.stamp(context, cell.state, item.input);
      const { events, reply } = behaviour.decider.decide(cell.state, stamped);
      if (events.length === 0) this.replyBehind(cell, item, reply);
      else this.record(cell, item, at, events, reply);
    } catch (cause) {
      // A defect in one actor parks that actor, never its shard.
      this.park(cell, cause);
      item.resume(parked);
    }
  }

  private drain(): void {
    const { batchRecords } = this.around.limits;
    const isRoom = () =>
      this.waitingOctets < maxAppendOctets &&
      this.waiting.length + this.behind.length < batchRecords;
    while (isRoom()) {
      const item = this.mailbox.take();
      if (item === undefined) break;
      this.turn(item);
    }
    this.flush();
  }

  private flush(): void {
    if (this.flying.length > 0 || this.waiting.length === 0 || this.closed) return;
    let octets = 0;
    let count = 0;
    for (const { record } of this.waiting) {
      octets += record.length;
      if (count > 0 && octets > maxAppendOctets) break;
      count++;
    }
    this.flying = this.waiting.slice(0, count);
    this.waiting = this.waiting.slice(count);
    this.waitingOctets = this.waiting.reduce((sum, { record }) => sum + record.length, 0);
    const records = this.flying.map(({ record }) => record);
    this.around.append(this, this.acknowledged, records);
  }

  /** The append in flight is in the journal. */
  stored(): void {
    if (this.closed) return;
    const { counts, committed } = this.around;
    const entries = this.flying;
    this.acknowledged += entries.length;
    counts.records.value += entries.length;
    counts.appends.value++;
    // It counts as in flight until all are told: a reply may bring the next command at once, whose
    // record must not overtake these.
    for (const { after } of entries) after();
    committed(this.ref, entries.flatMap((entry) => entry.committed ?? []));
    while (this.behind.length > 0 && this.behind[0]!.sequence <= this.acknowledged) {
      const { item, reply } = this.behind.shift()!;
      item.resume(reply);
    }
    this.flying = [];
    this.drain();
  }

  /**
   * All live actors as records, so that the log before them can be cut. Not while an actor is
   * broken: what it missed is in the log alone, until a version reads it that can.
   */
  private checkpoint(): void {
    for (const { broken } of this.cells.values()) if (broken) return;
    // At once, so that one that fails is not tried again with each sweep.
    this.sinceCheckpoint = 0;
    const { sequence: started } = this.putOwn({ _tag: "CheckpointStarted", epoch: this.epoch });
    for (const cell of this.cells.values()) {
      const { actor, tenant } = cell;
      const clear = { actor, tenant, command: "checkpoint", causation: "", traceparent: null };
      this.put({ ...clear, at: this.lastAt }, { snapshot: Cell.snapshot(cell) }, () => ({
        committed: undefined,
        item: undefined,
        after: nothing,
      }));
    }
    this.putOwn(
      { _tag: "CheckpointEnded", started, lastAt: this.lastAt },
      () => this.around.cut(this.ref, started - 1),
    );
    this.sinceCheckpoint = 0;
  }
}
