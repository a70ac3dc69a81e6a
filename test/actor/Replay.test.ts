/** What a new owner finds in the log is what the old one had (design, section 6). */
import { Effect } from "effect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ActorId } from "../../schemas/Ids.ts";
import * as Cell from "../../src/actor/Cell.ts";
import { type Asked, essence, type Owner, ref, said, type World, world } from "./Rig.ts";
import * as Tally from "./Tally.ts";

const edgeLost = (at: number) =>
  ({ _tag: "EdgeLost", at, edge: "e1", incarnation: "boot-2" }) as const;

/** A checkpoint is worth more than a few records for each actor, unless this is the limit. */
const always = -1_000;

/** Everything acknowledged, and a checkpoint of it all that the log is cut to. */
const checkpoint = (shared: World, owner: Owner): void => {
  owner.settle();
  owner.shard.sweep();
  owner.settle();
  for (const through of owner.cuts.splice(0)) Effect.runSync(shared.journal.cut(ref, through));
};

describe("a takeover", () => {
  test("repeats replies, after a restart, a checkpoint and a cut", () => {
    const shared = world({ checkpointRecords: always });
    const first = shared.own();
    const add = (owner: Owner) => owner.ask("add", "a", { _tag: "Add", n: 5 });
    const asked = add(first);
    first.settle();
    expect(said(asked)).toBe("200 5");
    const records = shared.headers().length;
    expect(said(add(first))).toBe("200 5");
    expect(said(add(shared.own()))).toBe("200 5");
    expect(shared.headers().length).toBe(records + 1);
    const third = shared.own();
    for (let n = 0; n < 10; n++) third.ask(`more ${n}`, "b", { _tag: "Add", n });
    checkpoint(shared, third);
    expect(shared.headers().some(({ command }) => command === "add")).toBe(false);
    const fourth = shared.own();
    expect(said(add(fourth))).toBe("200 5");
    expect(fourth.state("a").sum).toBe(5);
  });

  test("of an append whose fate was unknown: stored, it counts; the command is taken once", () => {
    for (const isStored of [true, false]) {
      const shared = world();
      const first = shared.own();
      const lost = first.ask("add", "a", { _tag: "Add", n: 5 });
      const { records } = first.flight()!;
      if (isStored) {
        Effect.runSync(shared.journal.append({ shard: ref, expected: 1, records }));
      }
      first.shard.close();
      expect(said(lost)).toBe("unknown");
      const second = shared.own();
      const again = second.ask("add", "a", { _tag: "Add", n: 5 });
      second.settle();
      expect([said(again), second.state("a").sum]).toEqual(["200 5", 5]);
      const stored = shared.headers().filter(({ command }) => command === "add");
      expect(stored).toHaveLength(1);
    }
  });

  test("derives effects again that nothing has confirmed, under their old names", () => {
    const shared = world({ checkpointRecords: always });
    const first = shared.own();
    for (const slot of ["invite:1", "invite:2", "bye:3", "relay:0"]) {
      first.ask(slot, "a", { _tag: "Emit", slot });
    }
    first.settle();
    first.ask("replaced", "a", { _tag: "Emit", slot: "invite:2" });
    first.ask("proven", "a", { _tag: "Prove", slot: "invite:1" });
    first.settle();
    first.shard.confirm(first.sent.find(({ slot }) => slot === "bye:3")!);
    const pending = (owner: Owner) =>
      owner.shard.cells.get("call/a")?.pending.map(({ ref }) => `${ref.epoch}/${ref.sequence}`);
    expect(pending(first)).toEqual(["1/5", "1/6"]);
    // Not yet in the log: it is performed twice rather than never.
    expect(pending(shared.own())).toEqual(["1/4", "1/5", "1/6"]);
    const third = shared.own();
    third.shard.confirm(third.shard.cells.get("call/a")!.pending[0]!.ref);
    checkpoint(shared, third);
    expect(pending(shared.own())).toEqual(["1/5", "1/6"]);
  });

  test("hands its records to the projections, each once and in order", () => {
    const shared = world({ checkpointRecords: 5 });
    const first = shared.own();
    for (let n = 0; n < 9; n++) first.ask(`${n}`, "a", { _tag: "Add", n });
    first.settle();
    const second = shared.own();
    expect(second.replayed).toEqual(first.committed);
    checkpoint(shared, second);
    // Behind a cut only snapshots are left: the state stands for the records before it.
    const third = shared.own();
    expect(third.replayed.map(({ events, state }) => [events, state]))
      .toEqual([[[], third.state("a")]]);
  });

  test("passes over a checkpoint that was not finished", () => {
    const shared = world({ checkpointRecords: always });
    const first = shared.own();
    for (const actor of ["a", "b", "c"]) {
      first.ask(actor, actor, { _tag: "Add", n: 1, pad: "x".repeat(1_000) });
    }
    first.settle();
    first.shard.sweep();
    const { records, expected } = first.flight()!;
    expect(records).toHaveLength(5);
    const some = records.slice(0, 3);
    Effect.runSync(shared.journal.append({ shard: ref, expected, records: some }));
    first.shard.close();
    const second = shared.own();
    expect(["a", "b", "c"].map((actor) => second.state(actor).sum)).toEqual([1, 1, 1]);
    second.ask("d", "a", { _tag: "Add", n: 1 });
    checkpoint(shared, second);
    expect(second.shard.cells.size).toBe(3);
    expect(shared.own().state("a").sum).toBe(2);
  });

  test("by a version that can read what parked an actor makes it whole", () => {
    const shared = world();
    const first = shared.own();
    first.ask("1", "a", { _tag: "Add", n: 1 });
    first.ask("2", "a", { _tag: "Weaken" });
    first.shard.broadcast(edgeLost(shared.now()));
    first.settle();
    expect(shared.own().state("a").lost).toBe(0);
    Tally.healed.add("evolve");
    try {
      const mended = shared.own();
      expect(mended.state("a")).toMatchObject({ sum: 1, lost: 1 });
      const asked = mended.ask("3", "a", { _tag: "Add", n: 1 });
      mended.settle();
      expect(said(asked)).toBe("200 2");
    } finally {
      Tally.healed.clear();
    }
  });
});

const actor = fc.constantFrom("a", "b", "c");
const slot = fc.constantFrom("s:0", "s:1", "s:2");
const command: fc.Arbitrary<Tally.Command> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ _tag: fc.constant("Add" as const), n: fc.nat(9) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      _tag: fc.constant("Emit" as const),
      slot,
      standing: fc.boolean(),
    }),
  },
  fc.record({ _tag: fc.constant("Prove" as const), slot }),
  fc.record({ _tag: fc.constant("Arm" as const), delayMs: fc.nat(9_000) }),
  ...(["Look", "Refuse", "Disarm", "End", "Weaken"] as const).map((_tag) => fc.constant({ _tag })),
  fc.record({
    _tag: fc.constant("Break" as const),
    where: fc.constantFrom("decide" as const, "evolve" as const),
  }),
);

type Move =
  | { readonly kind: "ask"; readonly actor: string; readonly command: Tally.Command }
  | { readonly kind: "again"; readonly which: number }
  | { readonly kind: "acknowledge" | "settle" | "sweep" | "edgeLost" }
  | { readonly kind: "crash"; readonly isStored: boolean }
  | { readonly kind: "confirm"; readonly which: number }
  | { readonly kind: "advance"; readonly ms: number };

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("ask" as const), actor, command }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("again" as const), which: fc.nat() }) },
  { weight: 6, arbitrary: fc.constant({ kind: "acknowledge" as const }) },
  ...(["settle", "sweep", "edgeLost"] as const).map((kind) => fc.constant({ kind })),
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("crash" as const),
      isStored: fc.boolean(),
    }),
  },
  fc.record({ kind: fc.constant("confirm" as const), which: fc.nat() }),
  fc.record({ kind: fc.constant("advance" as const), ms: fc.nat(15_000) }),
);

interface Sent {
  readonly id: string;
  readonly actor: string;
  readonly command: Tally.Command;
  readonly at: number;
}

/** A life of a shard, with crashes at any append, and what must hold in each moment of it. */
class Life {
  readonly shared = world({ checkpointRecords: -6, mailbox: 40 });
  private owner = this.shared.own();
  private readonly sent: Array<Sent> = [];
  /** First reply to each command that has a record. */
  private readonly replies = new Map<string, string>();
  private readonly waiting: Array<{ readonly sent: Sent; readonly asked: Asked }> = [];
  private effects = 0;

  run(one: Move): void {
    const { owner, shared } = this;
    switch (one.kind) {
      case "ask":
        return this.ask({ ...one, id: `cmd ${this.sent.length}`, at: shared.now() });
      case "again": {
        const known = this.sent[one.which % this.sent.length];
        // A sender repeats it until its deadline.
        if (known !== undefined && shared.now() <= known.at + 32_000) this.ask(known);
        return;
      }
      case "acknowledge":
        return void owner.acknowledge();
      case "settle":
        return owner.settle();
      case "sweep":
        return void owner.shard.sweep();
      case "edgeLost":
        return owner.shard.broadcast(edgeLost(shared.now()));
      case "confirm": {
        const ref = owner.sent[one.which % owner.sent.length];
        return ref === undefined ? undefined : owner.shard.confirm(ref);
      }
      case "advance":
        return owner.advance(one.ms);
      case "crash":
        return this.crash(one.isStored);
    }
  }

  private ask(one: Sent): void {
    const { actor, command, id } = one;
    if (!this.sent.includes(one)) this.sent.push(one);
    const asked = this.owner.ask(id, actor, command);
    this.waiting.push({ sent: one, asked });
  }

  private crash(isStored: boolean): void {
    const flight = this.owner.flight();
    if (isStored && flight !== undefined) {
      Effect.runSync(this.shared.journal.append({ shard: ref, ...flight }));
    }
    this.owner.shard.close();
    this.check();
    this.owner = this.shared.own();
    this.effects = 0;
  }

  /** Nothing was said or sent that the journal does not have, and nothing was said twice. */
  check(): void {
    const headers = this.shared.headers();
    const names = new Set(headers.map(({ epoch, sequence }) => `${epoch}/${sequence}`));
    const first = headers[0]?.sequence ?? 0;
    for (const { epoch, sequence } of this.owner.sent.slice(this.effects)) {
      if (sequence >= first) expect(names).toContain(`${epoch}/${sequence}`);
    }
    this.effects = this.owner.sent.length;
    const ats = headers.map(({ at }) => at);
    expect(ats).toEqual([...ats].sort((a, b) => a - b));
    for (const { asked, sent } of this.waiting) {
      const reply = said(asked);
      const isRecorded = sent.command._tag === "Add" && reply?.startsWith("200");
      if (!isRecorded) continue;
      expect(this.replies.get(sent.id) ?? reply).toBe(reply);
      this.replies.set(sent.id, reply!);
    }
    for (let n = this.waiting.length - 1; n >= 0; n--) {
      if (this.waiting[n]!.asked.reply !== undefined) this.waiting.splice(n, 1);
    }
    for (const through of this.owner.cuts.splice(0)) {
      Effect.runSync(this.shared.journal.cut(ref, through));
    }
  }

  /** All acknowledged, the live actors are what a replay finds. */
  end(): void {
    const { owner, shared } = this;
    owner.settle();
    owner.shard.sweep();
    owner.settle();
    this.check();
    expect(this.waiting).toEqual([]);
    const replayed = shared.replay();
    const live = owner.shard.cells;
    const now = shared.now();
    const names = new Set<ActorId>([...live.keys(), ...replayed.keys()]);
    for (const name of names) {
      const [here, there] = [live.get(name), replayed.get(name)];
      if (here === undefined) {
        // It is over and forgotten; the log has it until the next cut.
        expect(there?.behaviour.isOver(there.state)).toBe(true);
      } else {
        if (there === undefined) throw new Error(`no replay finds ${name}`);
        expect(essence(here, now)).toEqual(essence(there, now));
        expect(here.broken).toBe(there.broken);
      }
    }
  }
}

test("checkpoint and replay give the live state, wherever it crashed", () => {
  let checkpoints = 0;
  fc.assert(
    fc.property(fc.array(move, { maxLength: 120, size: "max" }), (moves) => {
      const life = new Life();
      for (const one of moves) {
        life.run(one);
        life.check();
      }
      life.end();
      checkpoints += life.shared.headers()[0]?.sequence === 1 ? 0 : 1;
    }),
    { numRuns: 300 },
  );
  expect(checkpoints).toBeGreaterThan(20);
});

test("an actor that is forgotten is folded by nobody", () => {
  const shared = world({ checkpointRecords: always });
  const owner = shared.own();
  owner.ask("1", "a", { _tag: "End" });
  owner.ask("2", "b", { _tag: "Add", n: 1 });
  owner.settle();
  owner.advance(Cell.effectLifeMs + Cell.replyMarginMs + 1);
  checkpoint(shared, owner);
  owner.ask("3", "b", { _tag: "Add", n: 1 });
  checkpoint(shared, owner);
  expect([...shared.replay().keys()]).toEqual(["call/b"]);
});
