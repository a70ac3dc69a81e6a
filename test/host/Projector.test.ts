/** The projector: behind the journal, and in nobody's way. */
import { Effect, Exit, Scope } from "effect";
import { Clock, References } from "effect";
import { afterAll, expect, onTestFinished, test } from "vitest";
import type { Committed } from "../../src/actor/Shard.ts";
import * as Projector from "../../src/host/Projector.ts";
import { type Batch, StoreUnavailable } from "../../src/store/Store.ts";
import { message, open, rows, type Service } from "../store/Rig.ts";
import * as Counters from "../../src/telemetry/Counters.ts";
import * as Folders from "../support/Folders.ts";
import * as Virtual from "../support/Virtual.ts";
import { header } from "../actor/Rig.ts";

afterAll(Folders.removeAll);

const shards = [0, 1].map((shard) => ({ cell: "a", shard }));

/** A record of a user who has a new contact. */
const bound = (shard: number, sequence: number): Committed => ({
  header: header({ shard, sequence, actor: `user/acme/${sequence % 7}`, at: sequence }),
  events: [{
    _tag: "ContactBound",
    binding: {
      uri: `sip:${sequence % 5}@192.0.2.1`,
      flow: { transport: "udp", remote: { ip: "192.0.2.1", port: 5_060 } },
      expiresAt: sequence,
      userAgent: "phone",
    },
  }],
});

const records = (shard: number, from: number, to: number): ReadonlyArray<Committed> =>
  Array.from({ length: to - from + 1 }, (_, n) => bound(shard, from + n));

const start = async (store: Service) => {
  const virtual = Virtual.make();
  const counters = Counters.make();
  const scope = await Effect.runPromise(Scope.make());
  const close = async () => {
    const closed = Effect.runPromise(Scope.close(scope, Exit.void));
    await virtual.pass(10_000);
    await closed;
  };
  onTestFinished(close);
  const projector = await Effect.runPromise(
    Projector.make(store, shards, counters).pipe(
      Scope.provide(scope),
      Effect.provideService(Clock.Clock, virtual.clock),
      Effect.provideService(References.MinimumLogLevel, "None"),
    ),
  );
  const count = (name: string) => counters.counter(name).value;
  return { projector, close, count, pass: virtual.pass };
};

/** A store that fails, or keeps its caller waiting, until it is told otherwise. */
const unwilling = (store: Service) => {
  const written: Array<ReadonlyArray<Batch>> = [];
  let mood: "good" | "failing" | "silent" = "good";
  const write: Service["write"] = (batches, messages) => {
    written.push(batches);
    if (mood === "silent") return Effect.never;
    return mood === "good"
      ? store.write(batches, messages)
      : Effect.fail(new StoreUnavailable({ reason: "broken", remedy: "mend it" }));
  };
  const set = (to: typeof mood) => void (mood = to);
  return { store: { ...store, write }, set, written };
};

test("writes what it was fed, and says through where", async () => {
  const { store } = await open();
  const { pass, projector } = await start(store);
  projector.feed(shards[0]!, records(0, 1, 30));
  projector.feed(shards[1]!, records(1, 1, 3));
  expect(projector.through(shards[0]!)).toBe(0);
  await pass(200);
  expect(shards.map(projector.through)).toEqual([30, 3]);
  expect((await rows(store)).bindings).toHaveLength(30);
  expect(projector.through({ cell: "a", shard: 9 })).toBe(0);
});

test("a record that changes nothing moves the cursor too", async () => {
  const { store } = await open();
  const { pass, projector } = await start(store);
  projector.feed(shards[0]!, [{ ...bound(0, 4), events: [] }]);
  await pass(200);
  expect(projector.through(shards[0]!)).toBe(4);
});

test("after a restart it takes from the journal what the store has not got", async () => {
  const { store } = await open();
  const first = await start(store);
  first.projector.feed(shards[0]!, records(0, 1, 10));
  await first.pass(200);
  // The process dies: ten more are in the journal, and nowhere else.
  const spied = unwilling(store);
  const second = await start(spied.store);
  expect(second.projector.through(shards[0]!)).toBe(10);
  second.projector.feed(shards[0]!, records(0, 1, 20));
  await second.pass(200);
  expect(second.projector.through(shards[0]!)).toBe(20);
  expect(spied.written.flat().map(({ changes }) => changes.length)).toEqual([10]);
  // The same rows as of a store that is built from the whole journal.
  const other = await open();
  const rebuilt = await start(other.store);
  rebuilt.projector.feed(shards[0]!, records(0, 1, 20));
  await rebuilt.pass(200);
  expect(await rows(other.store)).toEqual(await rows(store));
});

test("writes all at its end", async () => {
  const { store } = await open();
  const { close, projector } = await start(store);
  projector.feed(shards[0]!, records(0, 1, 2_500));
  await close();
  expect(await Effect.runPromise(store.through(shards[0]!))).toBe(2_500);
});

test("catches up in small transactions, so that calls have their turn", async () => {
  const spied = unwilling((await open()).store);
  const { pass, projector } = await start(spied.store);
  projector.feed(shards[0]!, records(0, 1, 4_500));
  projector.feed(shards[1]!, records(1, 1, 100));
  await pass(200);
  const sizes = spied.written.map((batches) =>
    batches.reduce((sum, { changes }) => sum + changes.length, 0)
  );
  expect(sizes).toEqual([1_000, 1_000, 1_000, 1_000, 600]);
  expect(shards.map(projector.through)).toEqual([4_500, 100]);
});

test("a store that fails is tried again, and nothing is lost", async () => {
  const { store } = await open();
  const spied = unwilling(store);
  const { count, pass, projector } = await start(spied.store);
  spied.set("failing");
  projector.feed(shards[0]!, records(0, 1, 5));
  projector.trace([message("c1", "INVITE")]);
  await pass(1_000);
  projector.feed(shards[0]!, records(0, 6, 8));
  expect([projector.through(shards[0]!), count("projection_failures_total")]).toEqual([0, 6]);
  expect(count("projection_messages_dropped_total")).toBe(1);
  spied.set("good");
  await pass(200);
  expect(projector.through(shards[0]!)).toBe(8);
  expect((await rows(store)).bindings).toHaveLength(8);
});

test("a store that does not answer holds up nobody, and memory has a bound", async () => {
  const { store } = await open();
  const spied = unwilling(store);
  const { count, pass, projector } = await start(spied.store);
  spied.set("silent");
  projector.trace([message("c1", "INVITE")]);
  await pass(200);
  // Many changes of one record: the bound counts changes.
  const { header, events } = bound(0, 1);
  const thick = (sequence: number): Committed => ({
    header: { ...header, sequence },
    events: Array.from({ length: 10_000 }, () => events[0]),
  });
  for (let n = 1; n <= 60; n++) projector.feed(shards[0]!, [thick(n)]);
  projector.trace(Array.from({ length: 50_010 }, () => message("c1", "OPTIONS")));
  expect(count("projection_messages_dropped_total")).toBe(10);
  expect([spied.written.length, projector.through(shards[0]!)]).toEqual([1, 0]);
});

test("what is no message is dropped, and the others are kept", async () => {
  const { store } = await open();
  const { count, pass, projector } = await start(store);
  const bad = [null, 7, "text", {}, { call: 7 }] as unknown as ReadonlyArray<
    ReturnType<typeof message>
  >;
  projector.feed(shards[0]!, records(0, 1, 1));
  projector.trace([message("c1", "INVITE"), ...bad, message("c1", "ACK")]);
  await pass(200);
  expect(await Effect.runPromise(store.messages("c1"))).toHaveLength(2);
  expect([count("projection_messages_dropped_total"), count("projection_failures_total")])
    .toEqual([5, 0]);
  expect(projector.through(shards[0]!)).toBe(1);
});
