/** One shard by hand: its time, its journal, and the moment in which an append is acknowledged. */
import { Effect, Exit } from "effect";
import type { EffectRef } from "../../schemas/Effect.ts";
import type { ActorId } from "../../schemas/Ids.ts";
import type { RecordHeader } from "../../schemas/Record.ts";
import type { Reply } from "../../schemas/Reply.ts";
import * as Activation from "../../src/actor/Activation.ts";
import * as Cell from "../../src/actor/Cell.ts";
import * as Deadlines from "../../src/actor/Deadlines.ts";
import * as Record from "../../src/actor/Record.ts";
import { type Committed, type Limits, Shard } from "../../src/actor/Shard.ts";
import * as Memory from "../../src/journal/Memory.ts";
import * as Hash from "../../src/kernel/Hash.ts";
import * as Counters from "../../src/telemetry/Counters.ts";
import * as Virtual from "../support/Virtual.ts";
import * as Tally from "./Tally.ts";

export const ref = { cell: "a", shard: 0 };
export const claim: Activation.Claim = { owner: "test", shards: 1, hashVersion: 1 };

const macOf = (key: string, bound: Uint8Array, clear: Uint8Array): Uint8Array => {
  const decoder = new TextDecoder("latin1");
  const name = Hash.name64(`${key}\n${decoder.decode(bound)}\n${decoder.decode(clear)}`);
  return new TextEncoder().encode(name.padStart(16));
};

/** No secrecy, but it notices every change, and knows a tenant that was shredded. */
export const sealer: Record.Sealer = {
  keyOf: () => "key-1",
  seal: (_tenant, key, bound, clear) =>
    Buffer.concat([macOf(key, bound, clear), clear.map((octet) => octet ^ 0x5a)]),
  open: (tenant, key, bound, sealed) => {
    if (tenant === "gone") return undefined;
    const clear = sealed.slice(16).map((octet) => octet ^ 0x5a);
    const isWhole = Buffer.compare(macOf(key, bound, clear), sealed.slice(0, 16)) === 0;
    if (!isWhole) throw new Error("not as sealed");
    return clear;
  },
};

export const header = (change: Partial<RecordHeader>): RecordHeader => ({
  v: 1,
  cell: "a",
  shard: 3,
  epoch: 1,
  sequence: 7,
  actor: "call/one",
  tenant: "acme",
  command: "cmd-1",
  causation: "",
  traceparent: null,
  at: 1_000,
  key: "key-1",
  ...change,
});

const usualLimits: Limits = {
  mailbox: 100,
  mailboxPerTenant: 50,
  batchRecords: 50,
  checkpointRecords: 1_000_000,
  checkpointActors: 1_000_000,
};

/** What became of a command. */
export interface Asked {
  /** The reply; "unknown" when the sender has to ask again; undefined while it waits. */
  reply: Reply | "unknown" | undefined;
  /** Runs in the moment of the reply. */
  then: () => void;
}

export const said = ({ reply }: Asked): string | undefined =>
  reply === undefined || reply === "unknown"
    ? reply
    : reply._tag === "Answered"
    ? `${reply.status} ${reply.reason ?? ""}`.trim()
    : reply._tag;

export type World = ReturnType<typeof world>;

export const world = (change: Partial<Limits> = {}) => {
  const limits = { ...usualLimits, ...change };
  const virtual = Virtual.make();
  const journal = Memory.make();
  const counters = Counters.make();
  const defects: Array<string> = [];
  const { now } = virtual.environment;
  const sources = (replayed: Array<Committed>): Activation.Sources => ({
    journal,
    sealer,
    behaviourOf: () => Tally.behaviour,
    replayed: (_, records) => void replayed.push(...records),
  });
  const activate = (replayed: Array<Committed> = []) =>
    Effect.runSync(Effect.exit(Activation.activate(ref, claim, sources(replayed))));

  /** Takes the shard over; an older owner is not told. */
  const own = () => {
    const replayed: Array<Committed> = [];
    const exit = activate(replayed);
    if (Exit.isFailure(exit)) throw new Error(`${exit.cause}`);
    const deadlines = Deadlines.make();
    const committed: Array<Committed> = [];
    const sent: Array<EffectRef> = [];
    const cuts: Array<number> = [];
    let flight: { expected: number; records: ReadonlyArray<Uint8Array> } | undefined;
    /** Acknowledges at once, as a journal in memory does. */
    let isInstant = false;
    const count = (name: string) => counters.counter(name);
    const shard: Shard = new Shard(ref, exit.value, {
      now,
      sealer,
      behaviourOf: () => Tally.behaviour,
      deadlines,
      counts: {
        refused: count("refused"),
        parked: count("parked"),
        records: count("records"),
        appends: count("appends"),
      },
      limits,
      append: (_, expected, records) => {
        if (flight !== undefined) throw new Error("two appends in flight");
        flight = { expected, records };
        if (isInstant) acknowledge();
      },
      release: (_, actor, due) => {
        for (const { ref } of due) if (ref.actor === actor) sent.push(ref);
      },
      committed: (_, records) => void committed.push(...records),
      cut: (_, through) => void cuts.push(through),
      defect: (actor, cause) => void defects.push(`${actor}: ${cause}`),
    });
    /** The append in flight reaches the journal; the shard is told. False: it was fenced. */
    const acknowledge = (): boolean => {
      if (flight === undefined) return true;
      const { expected, records } = flight;
      const stored = Effect.runSync(
        Effect.exit(journal.append({ shard: ref, expected, records })),
      );
      flight = undefined;
      if (Exit.isSuccess(stored)) shard.stored();
      else shard.close();
      return Exit.isSuccess(stored);
    };
    return {
      shard,
      replayed,
      committed,
      sent,
      cuts,
      flight: () => flight,
      acknowledge,
      instant: () => void (isInstant = true),
      /** Acknowledges until nothing is in flight. */
      settle: () => {
        while (flight !== undefined) acknowledge();
      },
      ask: (id: string, actor: string, command: Tally.Command, tenant = "acme"): Asked => {
        const asked: Asked = { reply: undefined, then: () => {} };
        shard.offer({
          id,
          actor: `call/${actor}`,
          tenant,
          causation: "",
          traceparent: null,
          deadline: now() + 32_000,
          input: { _tag: "Command", command, facts: undefined },
          resume: (reply) => {
            if (asked.reply !== undefined) throw new Error(`${id} is answered twice`);
            asked.reply = reply ?? "unknown";
            asked.then();
          },
        });
        return asked;
      },
      /** Time passes, and what is due fires. */
      advance: (ms: number) => {
        virtual.advance(ms);
        deadlines.fireDue(now());
      },
      deadlines,
      /** What it would say of an actor that it knows. */
      state: (actor: string) => shard.cells.get(`call/${actor}` as ActorId)?.state as Tally.State,
    };
  };
  /** All actors, by name, as a replay of the journal finds them now. */
  const replay = () => {
    const exit = activate();
    if (Exit.isFailure(exit)) throw new Error(`${exit.cause}`);
    return exit.value.cells;
  };
  const headers = (): ReadonlyArray<RecordHeader> =>
    Effect.runSync(journal.read(ref, 0, 100_000)).map(({ bytes, sequence }) =>
      Record.decode(sealer, { shard: 0, sequence }, bytes).header
    );
  return { own, activate, replay, headers, journal, virtual, counters, defects, now };
};

export type Owner = ReturnType<World["own"]>;

/** What must be the same in a live actor and in a replayed one, at a time. */
export const essence = (cell: Cell.Cell, now: number) => {
  const copy = { ...cell };
  Cell.expire(copy, now);
  const { pending, replies, state } = Cell.snapshot(copy);
  // Nobody repeats a deadline: its reply may be forgotten sooner or later.
  const repeatable = replies.filter(([id]) => !id.startsWith("deadline/"));
  return { state, pending, replies: repeatable.map(([id, reply]) => [id, reply]) };
};
