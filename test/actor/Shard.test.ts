/** A shard: decide, journal, then act (design, sections 5 and 6). */
import { Effect } from "effect";
import { describe, expect, test } from "vitest";
import { bytes } from "../journal/Rig.ts";
import { maxAppendOctets } from "../../src/journal/Journal.ts";
import { ref, said, world } from "./Rig.ts";

const edgeLost = (at: number) =>
  ({ _tag: "EdgeLost", at, edge: "e1", incarnation: "boot-2" }) as const;

describe("law 1: nothing leaves before its record is acknowledged", () => {
  test("a reply and its effects wait for the acknowledgement", () => {
    const owner = world().own();
    const [added, emitted] = [
      owner.ask("1", "a", { _tag: "Add", n: 5 }),
      owner.ask("2", "a", { _tag: "Emit", slot: "invite:1" }),
    ];
    expect([said(added), said(emitted), owner.sent, owner.committed]).toEqual([
      ...[undefined, undefined, [], []],
    ]);
    owner.acknowledge();
    expect([said(added), said(emitted), owner.sent]).toEqual(["200 5", undefined, []]);
    owner.acknowledge();
    expect([said(emitted), owner.sent.length]).toEqual(["Accepted", 1]);
    expect(owner.sent[0]).toEqual({
      actor: "call/a",
      epoch: 1,
      sequence: 3,
      index: 0,
      slot: "invite:1",
    });
    expect(owner.committed.map(({ header }) => header.sequence)).toEqual([2, 3]);
  });

  test("queries, rejections and repeated replies wait for the records that they rest on", () => {
    const owner = world().own();
    const add = owner.ask("1", "a", { _tag: "Add", n: 5 });
    const waiting = [
      owner.ask("2", "a", { _tag: "Look" }),
      owner.ask("3", "a", { _tag: "Refuse" }),
      owner.ask("1", "a", { _tag: "Add", n: 5 }),
    ];
    const other = owner.ask("4", "b", { _tag: "Refuse" });
    expect(said(other)).toBe("400 0");
    expect(waiting.map(said)).toEqual([undefined, undefined, undefined]);
    owner.acknowledge();
    expect(said(add)).toBe("200 5");
    expect(waiting.map(said)).toEqual([expect.stringContaining('"sum":5'), "400 5", "200 5"]);
    expect(said(owner.ask("5", "a", { _tag: "Refuse" }))).toBe("400 5");
  });

  test("what waits leaves as one append, one in flight", () => {
    const owner = world().own();
    for (let n = 0; n < 10; n++) owner.ask(`${n}`, `actor-${n % 3}`, { _tag: "Add", n });
    expect(owner.flight()).toMatchObject({ expected: 1, records: { length: 1 } });
    owner.acknowledge();
    expect(owner.flight()).toMatchObject({ expected: 2, records: { length: 9 } });
    owner.acknowledge();
    expect(owner.flight()).toBeUndefined();
  });

  test("an append has at most 256 KiB, or one larger record", () => {
    const owner = world().own();
    const asked = [1, 60, 60, 60, 60, 60, 400, 1].map((kilobytes, n) =>
      owner.ask(`${n}`, "a", { _tag: "Add", n: 1, pad: "x".repeat(kilobytes * 1024) })
    );
    const batches: Array<number> = [];
    for (let flight = owner.flight(); flight !== undefined; flight = owner.flight()) {
      const octets = flight.records.reduce((sum, { length }) => sum + length, 0);
      expect(octets <= maxAppendOctets || flight.records.length === 1).toBe(true);
      batches.push(flight.records.length);
      owner.acknowledge();
    }
    expect(batches).toEqual([1, 4, 1, 1, 1]);
    expect(asked.map(said)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((sum) => `200 ${sum}`));
  });

  test("a command that a reply brings at once overtakes nothing", () => {
    const owner = world().own();
    owner.instant();
    const order: Array<string> = [];
    const first = owner.ask("first", "a", { _tag: "Add", n: 1 });
    expect(said(first)).toBe("200 1");
    // Three records in one append, the first of whose replies brings a fourth at once.
    const slow = world().own();
    slow.ask("0", "a", { _tag: "Add", n: 1 });
    const [one, two, three] = ["1", "2", "3"].map((id) =>
      slow.ask(id, "a", { _tag: "Emit", slot: `s:${id}` })
    );
    one!.then = () => {
      order.push("1");
      const four = slow.ask("4", "a", { _tag: "Emit", slot: "s:4" });
      four.then = () => order.push("4");
    };
    two!.then = () => order.push("2");
    three!.then = () => order.push("3");
    slow.acknowledge();
    slow.instant();
    slow.acknowledge();
    expect(order).toEqual(["1", "2", "3", "4"]);
    expect(slow.sent.map(({ slot }) => slot)).toEqual(["s:1", "s:2", "s:3", "s:4"]);
    expect(slow.committed.map(({ header }) => header.sequence)).toEqual([2, 3, 4, 5, 6]);
  });
});

describe("law 2: one writer", () => {
  test("an overtaken owner sends nothing, and tells all who wait that it knows nothing", () => {
    const shared = world();
    const old = shared.own();
    const before = old.ask("0", "a", { _tag: "Add", n: 1 });
    old.acknowledge();
    const flying = old.ask("1", "a", { _tag: "Emit", slot: "bye:1" });
    const waiting = old.ask("2", "a", { _tag: "Add", n: 7 });
    const behind = old.ask("3", "a", { _tag: "Look" });
    const fresh = shared.own();
    expect(old.acknowledge()).toBe(false);
    expect([before, flying, waiting, behind].map(said)).toEqual([
      ...["200 1", "unknown", "unknown", "unknown"],
    ]);
    expect([old.sent, old.shard.isClosed, old.flight()]).toEqual([[], true, undefined]);
    expect(said(old.ask("4", "a", { _tag: "Look" }))).toBe("unknown");
    old.shard.broadcast(edgeLost(shared.now()));
    old.shard.sweep();
    expect(old.flight()).toBeUndefined();
    expect(fresh.shard.epoch).toBe(2);
    expect(fresh.state("a").sum).toBe(1);
  });

  test("an acknowledgement that comes after the end moves nothing", () => {
    const owner = world().own();
    const asked = owner.ask("1", "a", { _tag: "Emit", slot: "bye:1" });
    owner.shard.close();
    owner.acknowledge();
    expect([said(asked), owner.sent, owner.committed]).toEqual(["unknown", [], []]);
  });

  test("with another number of shards the journal is not touched", () => {
    const shared = world();
    shared.own();
    const records = [bytes("anything")];
    expect(shared.headers()).toHaveLength(1);
    Effect.runSync(shared.journal.append({ shard: ref, expected: 1, records }));
    expect(`${shared.activate()}`).toMatch(/record 2 of shard 0 cannot be read: record format 97/);
    expect(Effect.runSync(shared.journal.head(ref))).toBe(2);
  });
});

describe("time", () => {
  test("`at` never decreases, whatever the wall clock does, and over a takeover", () => {
    const shared = world();
    const first = shared.own();
    first.ask("1", "a", { _tag: "Add", n: 1 });
    shared.virtual.jump(-500_000);
    first.ask("2", "a", { _tag: "Add", n: 1 });
    first.shard.broadcast(edgeLost(shared.now()));
    first.settle();
    const second = shared.own();
    second.ask("3", "a", { _tag: "Add", n: 1 });
    second.settle();
    shared.virtual.jump(700_000);
    second.ask("4", "a", { _tag: "Add", n: 1 });
    second.settle();
    const ats = shared.headers().map(({ at }) => at);
    expect(ats).toEqual([...ats].sort((a, b) => a - b));
    expect(second.state("a").ats).toEqual([1_000_000, 1_000_000, 1_000_000, 1_200_000]);
  });

  test("a deadline fires once, as a command; a newer one takes its place", () => {
    const owner = world().own();
    owner.ask("1", "a", { _tag: "Arm", delayMs: 5_000 });
    owner.ask("2", "a", { _tag: "Arm", delayMs: 9_000 });
    owner.settle();
    expect(owner.deadlines.size()).toBe(1);
    owner.advance(5_000);
    expect(owner.flight()).toBeUndefined();
    owner.advance(4_000);
    owner.settle();
    owner.advance(60_000);
    expect([owner.state("a").fired, owner.deadlines.size()]).toEqual([1, 0]);
    expect(owner.committed.at(-1)?.header).toMatchObject({
      command: "deadline/timer/2",
      causation: "timer",
    });
  });

  test("a deadline that is no longer wanted leaves nothing behind", () => {
    const owner = world().own();
    owner.ask("1", "a", { _tag: "Arm", delayMs: 5_000 });
    owner.ask("2", "a", { _tag: "Disarm" });
    owner.settle();
    expect(owner.deadlines.size()).toBe(0);
  });

  test("overdue deadlines wait until senders could repeat their commands", () => {
    const shared = world();
    const first = shared.own();
    first.ask("1", "a", { _tag: "Arm", delayMs: 1_000 });
    first.settle();
    shared.virtual.advance(60_000);
    const second = shared.own();
    second.advance(1_000);
    // A command for this actor does not bring its deadline forward.
    second.ask("2", "a", { _tag: "Add", n: 1 });
    second.advance(999);
    second.settle();
    expect(second.state("a").fired).toBe(0);
    second.advance(1);
    second.settle();
    expect(second.state("a").fired).toBe(1);
    expect(second.state("a").ats).toEqual([1_061_000, 1_062_000]);
  });

  test("a deadline that a full mailbox refused comes again", () => {
    const owner = world({ mailbox: 2, batchRecords: 1 }).own();
    owner.ask("1", "a", { _tag: "Arm", delayMs: 3_000 });
    owner.acknowledge();
    const asked = ["2", "3", "4", "5"].map((id) => owner.ask(id, "b", { _tag: "Add", n: 1 }));
    owner.advance(3_000);
    expect(owner.state("a").fired).toBe(0);
    owner.settle();
    expect(asked.map(said)).toEqual(["200 1", "200 2", "200 3", "200 4"]);
    owner.advance(999);
    expect(owner.state("a").fired).toBe(0);
    owner.advance(1);
    owner.settle();
    expect(owner.state("a").fired).toBe(1);
  });
});

describe("bounds", () => {
  test("a tenant, then the mailbox, gets an overload reply; others are served", () => {
    const shared = world({ mailbox: 5, mailboxPerTenant: 3, batchRecords: 1 });
    const owner = shared.own();
    const ask = (id: string, tenant: string) =>
      owner.ask(id, `${tenant}-actor`, { _tag: "Add", n: 1 }, tenant);
    // One flies, one waits, three are in the mailbox.
    const loud = [1, 2, 3, 4, 5, 6].map((n) => ask(`loud ${n}`, "loud"));
    const quiet = [1, 2, 3].map((n) => ask(`quiet ${n}`, "quiet"));
    expect(loud.map(said)).toEqual([...Array(5).fill(undefined), "Overloaded"]);
    expect(quiet.map(said)).toEqual([undefined, undefined, "Overloaded"]);
    expect(shared.counters.counter("refused").value).toBe(2);
    owner.settle();
    expect(loud.slice(0, 5).map(said)).toEqual([1, 2, 3, 4, 5].map((sum) => `200 ${sum}`));
    expect(quiet.slice(0, 2).map(said)).toEqual(["200 1", "200 2"]);
  });

  test("queries that wait are bounded too", () => {
    const owner = world({ mailbox: 4, batchRecords: 3 }).own();
    owner.ask("0", "a", { _tag: "Add", n: 1 });
    const asked = Array.from({ length: 20 }, (_, n) => owner.ask(`${n}`, "a", { _tag: "Look" }));
    expect(asked.filter((one) => said(one) === "Overloaded")).toHaveLength(13);
    owner.settle();
    expect(asked.filter((one) => said(one)?.startsWith("200"))).toHaveLength(7);
  });

  test("a reply is not remembered for longer than a sender can need it", () => {
    const owner = world().own();
    owner.shard.offer({
      id: "greedy",
      actor: "call/a",
      tenant: "acme",
      causation: "",
      traceparent: null,
      deadline: Number.MAX_SAFE_INTEGER,
      input: { _tag: "Command", command: { _tag: "Add", n: 1 }, facts: undefined },
      resume: () => {},
    });
    owner.settle();
    owner.advance(40_000);
    owner.shard.sweep();
    expect(owner.shard.cells.get("call/a")?.replies).toHaveLength(1);
    owner.advance(1);
    owner.shard.sweep();
    expect(owner.shard.cells.get("call/a")?.replies).toEqual([]);
  });
});

describe("defects", () => {
  test.each(["decide", "evolve", "deadline"] as const)(
    "one in %s parks that actor as it was, and no other",
    (where) => {
      const shared = world();
      const owner = shared.own();
      owner.ask("1", "bad", { _tag: "Add", n: 1 });
      owner.ask("2", "bad", { _tag: "Arm", delayMs: 60_000 });
      const broken = owner.ask("3", "bad", { _tag: "Break", where });
      const [good, again] = [
        owner.ask("4", "good", { _tag: "Add", n: 2 }),
        owner.ask("5", "bad", { _tag: "Add", n: 4 }),
      ];
      owner.settle();
      expect([broken, good, again].map(said)).toEqual([
        ...["500 Actor Parked", "200 2", "500 Actor Parked"],
      ]);
      // What was taken before keeps its reply.
      expect(said(owner.ask("1", "bad", { _tag: "Add", n: 1 }))).toBe("200 1");
      expect([owner.state("bad").sum, owner.deadlines.size()]).toEqual([1, 0]);
      expect(shared.defects).toEqual([expect.stringContaining("call/bad: Error: a defect in")]);
      expect(shared.counters.counter("parked").value).toBe(1);
      // No record of it: a new owner finds the actor as it was, and lets it go on.
      const next = shared.own();
      expect(next.state("bad")).toEqual(owner.state("bad"));
      const after = next.ask("6", "bad", { _tag: "Add", n: 4 });
      next.settle();
      expect(said(after)).toBe("200 5");
    },
  );

  test("a record that no journal takes parks its actor", () => {
    const owner = world().own();
    const huge = { _tag: "Add", n: 1, pad: "x".repeat(3 * 1024 * 1024) } as const;
    const [large, other] = [owner.ask("1", "a", huge), owner.ask("2", "b", { _tag: "Add", n: 1 })];
    owner.settle();
    expect([large, other].map(said)).toEqual(["500 Actor Parked", "200 1"]);
  });

  test("an actor that cannot fold what the journal has is parked, and nothing is cut", () => {
    const shared = world({ checkpointRecords: 3 });
    const owner = shared.own();
    owner.ask("1", "weak", { _tag: "Add", n: 1 });
    owner.ask("2", "weak", { _tag: "Weaken" });
    owner.ask("3", "good", { _tag: "Add", n: 1 });
    owner.shard.broadcast(edgeLost(shared.now()));
    owner.settle();
    expect([owner.state("good").lost, owner.state("weak").lost]).toEqual([1, 0]);
    expect(said(owner.ask("4", "weak", { _tag: "Look" }))).toBe("500 Actor Parked");
    // The same in a new owner; and what came later is not folded without what is missing.
    const next = shared.own();
    expect(said(next.ask("5", "weak", { _tag: "Look" }))).toBe("500 Actor Parked");
    expect(next.state("weak")).toEqual(owner.state("weak"));
    for (let n = 0; n < 40; n++) next.ask(`more ${n}`, "good", { _tag: "Add", n: 1 });
    next.settle();
    next.shard.sweep();
    next.settle();
    expect(next.cuts).toEqual([]);
    expect(shared.counters.counter("parked").value).toBe(2);
  });

  test("a tenant's actor stays that tenant's, whoever a command says it is of", () => {
    const shared = world();
    const owner = shared.own();
    owner.ask("1", "a", { _tag: "Add", n: 1 }, "acme");
    owner.ask("2", "a", { _tag: "Add", n: 1 }, "other");
    owner.settle();
    expect(shared.headers().map(({ tenant }) => tenant)).toEqual(["", "acme", "acme"]);
  });
});

describe("what is over", () => {
  test("an actor is forgotten once its effects and replies are", () => {
    const owner = world().own();
    owner.ask("1", "a", { _tag: "Add", n: 1 });
    owner.ask("2", "a", { _tag: "Emit", slot: "bye:1" });
    owner.ask("3", "b", { _tag: "Add", n: 1 });
    owner.ask("4", "a", { _tag: "End" });
    owner.settle();
    const sweep = (ms: number) => {
      owner.advance(ms);
      owner.shard.sweep();
      owner.settle();
      return owner.shard.cells.has("call/a");
    };
    expect([sweep(0), sweep(32_000), sweep(8_000), sweep(1)]).toEqual([true, true, true, false]);
    expect(owner.shard.cells.has("call/b")).toBe(true);
    expect(said(owner.ask("5", "a", { _tag: "Refuse" }))).toBe("400 0");
  });

  test("a standing effect does not expire, and keeps its actor", () => {
    const owner = world().own();
    owner.ask("1", "a", { _tag: "Emit", slot: "relay:0", standing: true });
    owner.ask("2", "a", { _tag: "End" });
    owner.settle();
    owner.advance(3_600_000);
    owner.shard.sweep();
    expect(owner.shard.cells.get("call/a")?.pending).toHaveLength(1);
    owner.shard.confirm(owner.sent[0]!);
    owner.shard.sweep();
    expect(owner.shard.cells.has("call/a")).toBe(false);
  });
});
