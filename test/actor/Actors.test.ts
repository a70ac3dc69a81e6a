/** The actors of a process: their doors, their effects, and what they do when the journal fails. */
import { Deferred, Effect } from "effect";
import { describe, expect, onTestFinished, test } from "vitest";
import * as Subjects from "../../schemas/Subjects.ts";
import type { Prepared } from "../../src/actor/Behaviour.ts";
import { until, within } from "../support/Until.ts";
import { done, type Options, start as startIn, taken, world } from "./Cluster.ts";
import * as Tally from "./Tally.ts";

const start = async (around = world(), options: Options = {}) => {
  const core = await startIn(around, options);
  onTestFinished(() => core.stop());
  return { ...core, around, pass: around.pass };
};

const emit = (slot: string, change: Partial<Extract<Tally.Command, { _tag: "Emit" }>> = {}) =>
  ({ _tag: "Emit", slot, ...change }) as const;
const add = (n: number) => ({ _tag: "Add", n }) as const;
const look = { _tag: "Look" } as const;
const stateOf = async (core: Awaited<ReturnType<typeof start>>, actor: string) =>
  JSON.parse((await core.submit("look", actor, look)).slice(4)) as Tally.State;

describe("doors", () => {
  test("a command is answered on the bus with the epoch of its shard", async () => {
    const core = await start(world(), { shards: 2 });
    const asked = await core.request(Subjects.queries("a", 1), core.envelope("1", "a", add(3), 1));
    expect(asked).toMatchObject({
      success: { id: "1", epoch: 1, reply: { status: 200, reason: "3" } },
    });
    expect(await core.submit("2", "a", add(4), 1)).toBe("200 7");
    expect(await core.submit("3", "a", add(4), 9)).toBe("unknown");
    expect(core.committed).toHaveLength(2);
  });

  test("what no schema knows is refused and counted, and harms nothing", async () => {
    const core = await start();
    const malformed = () => core.count("bus_messages_refused_total", { reason: "schema" });
    const refused = { success: { epoch: 0, reply: { status: 400 } } };
    const good = core.envelope("1", "a", add(3));
    for (const payload of [null, 7, {}, { ...good, actor: "call/a" }, { ...good, id: 1 }]) {
      expect(await core.request(Subjects.commands("a", 0), payload)).toMatchObject(refused);
    }
    expect(malformed()).toBe(5);
    expect(await core.request(Subjects.queries("a", 0), "text")).toMatchObject(refused);
    for (const subject of [Subjects.done("a", 0), Subjects.announce]) {
      await core.publish(subject, [{ actor: "nobody" }]);
    }
    expect(malformed()).toBe(8);
    expect(await core.submit("1", "a", add(3))).toBe("200 3");
  });

  test("the same command arriving meanwhile is one command", async () => {
    const facts = Deferred.makeUnsafe<Prepared>();
    let prepared = 0;
    const core = await start(world(), {
      behaviour: {
        ...Tally.behaviour,
        prepare: () => {
          prepared++;
          return Deferred.await(facts);
        },
      },
    });
    const asked = [1, 2, 3].map(() => core.submit("same", "a", add(5)));
    const other = core.submit("other", "a", add(1));
    await until("both preparations", () => prepared === 2, 5_000);
    await Effect.runPromise(Deferred.succeed(facts, { _tag: "Proceed", facts: undefined }));
    expect(await Promise.all(asked)).toEqual(["200 5", "200 5", "200 5"]);
    expect([await other, prepared]).toEqual(["200 6", 2]);
    // And later: answered from memory, without a preparation.
    expect([await core.submit("same", "a", add(5)), prepared]).toEqual(["200 5", 2]);
  });

  test("a preparation may answer by itself; one that dies answers nothing", async () => {
    const refusal: Prepared = { _tag: "Reply", reply: { _tag: "Unprovisioned" } };
    let outcome: Effect.Effect<Prepared> = Effect.succeed(refusal);
    const core = await start(world(), {
      behaviour: { ...Tally.behaviour, prepare: () => outcome },
    });
    expect(await core.submit("1", "a", add(1))).toBe("Unprovisioned");
    outcome = Effect.die("a defect");
    expect(await core.submit("1", "a", add(1))).toBe("unknown");
    outcome = Effect.succeed({ _tag: "Proceed", facts: undefined });
    expect(await core.submit("1", "a", add(1))).toBe("200 1");
  });

  test("counts the actors that live", async () => {
    const core = await start();
    for (const actor of ["a", "b", "c"]) await core.submit(actor, actor, add(1));
    await core.submit("end", "b", { _tag: "End" });
    expect([core.actors.count("call"), core.actors.count("user")]).toEqual([2, 0]);
  });
});

describe("deadlines", () => {
  test("many fire at their time, each once", async () => {
    const core = await start();
    const delays = Array.from({ length: 50 }, (_, n) => 2_500 + (n * 37 % 50) * 100);
    await Promise.all(
      delays.map((delayMs, n) => core.submit(`${n}`, `actor-${n}`, { _tag: "Arm", delayMs })),
    );
    await core.pass(8_000);
    for (const [n, delayMs] of delays.entries()) {
      const { ats, fired } = await stateOf(core, `actor-${n}`);
      expect([fired, ats]).toEqual([1, [1_000_000 + delayMs]]);
    }
  });

  test("one farther away than a timer can be set is none that fires now", async () => {
    const core = await start();
    const longest = 2 ** 31;
    const delays: Array<number> = [];
    const { schedule } = core.around.virtual.environment;
    Object.assign(core.around.virtual.environment, {
      schedule: (delayMs: number, task: () => void) => {
        delays.push(delayMs);
        return schedule(delayMs, task);
      },
    });
    await core.submit("1", "a", { _tag: "Arm", delayMs: 40 * 24 * 3_600_000 });
    await core.pass(3_000);
    expect((await stateOf(core, "a")).fired).toBe(0);
    expect(Math.max(...delays)).toBeLessThan(longest);
  });

  test("what became due while nobody owned the shard fires after the settling time", async () => {
    const around = world();
    const first = await startIn(around);
    await first.submit("1", "a", { _tag: "Arm", delayMs: 100 });
    await first.stop();
    await around.pass(5_000);
    const second = await start(around);
    await second.pass(1_900);
    expect((await stateOf(second, "a")).fired).toBe(0);
    await second.pass(200);
    expect((await stateOf(second, "a")).fired).toBe(1);
  });
});

describe("effects", () => {
  test("leave after the record, in order, and are confirmed by who performs them", async () => {
    const core = await start();
    const edge = await core.edge(done);
    core.around.set("silent");
    void core.submit("1", "a", emit("invite:1"));
    await core.pass(1_000);
    expect(edge.batches).toEqual([]);
    await core.stop();
    core.around.set("good");
    const next = await start(core.around);
    const nextEdge = await next.edge(done);
    for (const n of [1, 2, 3]) await next.submit(`${n}`, "a", emit(`leg:${n}`));
    await next.pass(1_500);
    expect(nextEdge.slots()).toEqual(["leg:1", "leg:2", "leg:3"]);
    expect(nextEdge.batches[0]).toMatchObject({ cell: "a", shard: 0, epoch: 2 });
    // Confirmed, and the log knows: nothing to derive again.
    const third = await start(core.around);
    const thirdEdge = await third.edge(done);
    await third.pass(1_000);
    expect(thirdEdge.batches).toEqual([]);
  });

  test("are repeated in order until somebody answers, and again by the next owner", async () => {
    const core = await start();
    await core.submit("1", "a", emit("leg:1"));
    await core.submit("2", "a", emit("leg:2"));
    await core.pass(1_000);
    expect(core.count("outbox_retries_total")).toBeGreaterThan(2);
    const edge = await core.edge(taken);
    await core.pass(2_500);
    expect(edge.slots()).toEqual(["leg:1", "leg:2"]);
    // Taken, not done: nobody has confirmed them.
    const next = await start(core.around);
    const again = await next.edge(done);
    await next.pass(500);
    const refs = (batches: typeof edge.batches) =>
      batches.flatMap(({ effects }) => effects.map(({ ref }) => ref));
    expect(refs(again.batches)).toEqual(refs(edge.batches));
    expect(again.batches[0]?.epoch).toBe(2);
  });

  test("are confirmed by their event, or on the bus", async () => {
    const core = await start();
    const edge = await core.edge(taken);
    await core.submit("1", "a", emit("invite:1"));
    await core.submit("2", "a", emit("bye:2"));
    await core.submit("3", "a", { _tag: "Prove", slot: "invite:1" });
    const ref = edge.batches.at(-1)?.effects.at(-1)?.ref;
    expect(ref?.slot).toBe("bye:2");
    await core.publish(Subjects.done("a", 0), [ref]);
    await core.pass(1_500);
    const next = await start(core.around);
    const again = await next.edge(taken);
    await next.pass(500);
    expect(again.batches).toEqual([]);
  });

  test("expire when nobody performs them in time, standing ones aside", async () => {
    const core = await start();
    await core.submit("1", "a", emit("invite:1"));
    await core.submit("2", "a", emit("relay:0", { to: "media", standing: true }));
    await core.pass(33_000);
    const edge = await core.edge(done);
    const media = await core.worker(Subjects.media("m1"), taken);
    await core.pass(2_500);
    expect([edge.slots(), media.slots()]).toEqual([[], ["relay:0"]]);
  });

  test("of one actor are never under way twice, however a late retry and news meet", async () => {
    const core = await start();
    const answer = Deferred.makeUnsafe<void>();
    let isSlow = false;
    // Nobody is there: a retry is set for later.
    await core.submit("1", "a", emit("leg:1"));
    const edge = await core.edge((batch) =>
      Effect.as(isSlow ? Deferred.await(answer) : Effect.void, done(batch))
    );
    await core.submit("2", "a", emit("leg:2"));
    expect(edge.slots()).toEqual(["leg:1", "leg:2"]);
    isSlow = true;
    await core.submit("3", "a", emit("leg:3"));
    // The retry comes, and finds nothing to do.
    await core.pass(200);
    await core.submit("4", "a", emit("leg:4"));
    expect(edge.batches).toHaveLength(2);
    await Effect.runPromise(Deferred.succeed(answer, undefined));
    expect(edge.slots()).toEqual(["leg:1", "leg:2", "leg:3", "leg:4"]);
  });

  test("of the host end in a command, also when the mailbox was full", async () => {
    const found = Deferred.makeUnsafe<unknown>();
    const { perform } = Tally.behaviour;
    const core = await start(world(), {
      limits: { mailbox: 1, batchRecords: 1 },
      behaviour: {
        ...Tally.behaviour,
        perform: (context) => Effect.andThen(Deferred.await(found), perform(context)),
      },
    });
    await core.submit("1", "a", emit("find:1", { to: "host" }));
    core.around.set("held");
    const others = ["2", "3", "4"].map((id) => core.submit(id, "b", add(1)));
    await Effect.runPromise(Deferred.succeed(found, undefined));
    await until(
      "the refusal",
      () => core.count("actor_commands_refused_total", { reason: "mailbox" }) === 1,
      5_000,
    );
    core.around.set("good");
    expect(await Promise.all(others)).toEqual(["200 1", "200 2", "200 3"]);
    await core.pass(1_100);
    const commands = ["1", "2", "3", "4", "effect/1/2/0"];
    expect(core.committed.map(({ header }) => header.command)).toEqual(commands);
    // It is proven: not performed again by the next owner.
    const next = await start(core.around);
    await next.pass(500);
    expect(next.committed.map(({ header }) => header.command)).toEqual(commands);
  });

  test("that stand are sent to each new life of their performer", async () => {
    const core = await start();
    const media = await core.worker(Subjects.media("m1"), taken);
    await core.submit("1", "a", emit("relay:0", { to: "media", standing: true }));
    for (const incarnation of ["boot-1", "boot-1", "boot-2"]) {
      await core.announce("media", incarnation);
    }
    expect(media.slots()).toEqual(["relay:0", "relay:0", "relay:0"]);
    await core.announce("edge", "boot-1");
    await core.announce("edge", "boot-2");
    expect((await stateOf(core, "a")).lost).toBe(2);
    expect(media.slots()).toHaveLength(3);
  });
});

describe("a journal that fails", () => {
  test("drops the shard, which comes back; senders ask again with the same id", async () => {
    for (const mood of ["failing", "unsure"] as const) {
      const core = await start();
      const edge = await core.edge(done);
      await core.submit("0", "a", add(1));
      core.around.set(mood);
      const asked = await Promise.all([
        core.submit("1", "a", add(4)),
        core.submit("2", "a", emit("bye:1")),
        core.submit("3", "b", add(1)),
      ]);
      expect(asked).toEqual(["unknown", "unknown", "unknown"]);
      expect(edge.batches).toEqual([]);
      expect(await core.submit("4", "a", look)).toBe("unknown");
      await core.pass(3_500);
      expect(await core.submit("4", "a", look)).toBe("unknown");
      core.around.set("good");
      await core.pass(1_500);
      expect(await core.submit("1", "a", add(4))).toBe("200 5");
      expect(await core.submit("2", "a", emit("bye:1"))).toBe("Accepted");
      expect((await stateOf(core, "a")).sum).toBe(5);
      expect(edge.slots()).toEqual(["bye:1"]);
    }
  });

  test("an owner that was overtaken sends nothing, and takes over in its turn", async () => {
    const around = world();
    const old = await start(around);
    const edge = await old.edge(done);
    await old.submit("0", "a", add(1));
    const young = await start(around);
    expect(await young.submit("1", "a", add(10))).toBe("200 11");
    expect(await old.submit("2", "a", emit("bye:1"))).toBe("unknown");
    expect(edge.batches).toEqual([]);
    await old.pass(1_100);
    expect(await old.submit("2", "a", add(100))).toBe("200 111");
    expect(await young.submit("3", "a", add(1))).toBe("unknown");
  });

  test("an append that is never answered keeps its commands, and its end tells them", async () => {
    const core = await start();
    core.around.set("silent");
    const asked = core.submit("1", "a", add(1));
    const query = core.submit("2", "a", look);
    await core.pass(60_000);
    await core.stop();
    const both = within("the replies", Promise.all([asked, query]), 5_000);
    expect(await both).toEqual(["unknown", "unknown"]);
  });

  test("a defect of the journal is a loss too", async () => {
    const around = world();
    const core = await start(around);
    const { append } = around.journal;
    around.journal.append = () => Effect.die("a defect");
    expect(await core.submit("1", "a", add(1))).toBe("unknown");
    around.journal.append = append;
    await core.pass(1_100);
    expect(await core.submit("1", "a", add(1))).toBe("200 1");
  });
});

describe("housekeeping", () => {
  test("cuts the log behind a checkpoint, but never before the projections have it", async () => {
    const core = await start(world(), { limits: { checkpointRecords: 20 } });
    core.projectedTo(10);
    for (let n = 0; n < 40; n++) await core.submit(`${n}`, "a", add(1));
    await core.pass(3_000);
    const first = async () =>
      (await Effect.runPromise(core.around.stored.read({ cell: "a", shard: 0 }, 0, 1)))[0]
        ?.sequence;
    expect(await first()).toBe(1);
    core.projectedTo(1_000);
    await core.pass(1_100);
    expect(await first()).toBeGreaterThan(40);
    const next = await start(core.around);
    expect((await stateOf(next, "a")).sum).toBe(40);
    expect(next.committed).toMatchObject([{ events: [], state: { sum: 40 } }]);
    expect(await next.submit("39", "a", add(1))).toBe("200 40");
  });

  test("writes few checkpoints at a time, where they are needed most first", async () => {
    const limits = { checkpointRecords: 10, checkpointActors: 1 };
    const core = await start(world(), { shards: 3, limits });
    for (const [shard, count] of [20, 40, 30].entries()) {
      for (let n = 0; n < count; n++) await core.submit(`${shard}/${n}`, `${shard}`, add(1), shard);
    }
    const cutOf = async (shard: number) => {
      const log = core.around.stored.read({ cell: "a", shard }, 0, 1);
      return (await Effect.runPromise(log))[0]?.sequence !== 1;
    };
    const order: Array<ReadonlyArray<number>> = [];
    for (let n = 0; n < 10; n++) {
      await core.pass(400);
      const cut = await Promise.all([0, 1, 2].map(cutOf));
      const fresh = [0, 1, 2].filter((shard) => cut[shard] && !order.flat().includes(shard));
      if (fresh.length > 0) order.push(fresh);
    }
    expect(order).toEqual([[1], [2], [0]]);
  });

  test("of one shard that has a defect leaves the others theirs", async () => {
    const core = await start(world(), { shards: 2, limits: { checkpointRecords: -9 } });
    // One actor that grows beyond what a record can hold: no checkpoint of its shard.
    for (const id of ["1", "2"]) {
      const asked = core.submit(id, "a", { ...add(1), pad: "x".repeat(1_500_000) }, 0);
      expect(await asked).toMatch(/^200 /);
    }
    await core.submit("3", "b", add(1), 1);
    await core.pass(2_500);
    const log = (shard: number) =>
      Effect.runPromise(core.around.stored.read({ cell: "a", shard }, 0, 100));
    expect((await log(0))[0]?.sequence).toBe(1);
    expect((await log(1))[0]?.sequence).toBeGreaterThan(1);
    expect(await core.submit("4", "a", add(1), 0)).toBe("200 3");
    expect((await log(0)).length).toBeLessThan(10);
  });
});
