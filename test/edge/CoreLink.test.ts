/** Commands over a memory bus: repeated under one id until somebody answers, never for ever. */
import { Effect, Scope } from "effect";
import { beforeEach, expect, test } from "vitest";
import type { RequestEnvelope } from "../../schemas/Envelope.ts";
import type { Reply } from "../../schemas/Reply.ts";
import * as Subjects from "../../schemas/Subjects.ts";
import type { Bus } from "../../src/bus/Bus.ts";
import * as MemoryBus from "../../src/bus/Memory.ts";
import * as CoreLink from "../../src/edge/CoreLink.ts";
import * as Counters from "../../src/telemetry/Counters.ts";
import { until } from "../support/Until.ts";
import * as World from "./World.ts";

type Envelope = typeof RequestEnvelope.Type;

const to = { cell: "a", shard: 3, actor: "call/abc", tenant: "one" } as const;
const command = { _tag: "CancelCall", reason: null } as const;
const accepted: Reply = { _tag: "Accepted" };

let world: World.World;
let bus: Bus["Service"];
let scope: Scope.Scope;
let counters: Counters.Counters;
let link: CoreLink.CoreLink;
let seen: Array<Envelope>;

beforeEach(async () => {
  world = World.make();
  counters = Counters.make();
  scope = Effect.runSync(Scope.make());
  bus = await Effect.runPromise(MemoryBus.make);
  seen = [];
  link = linkOver(bus);
});

const linkOver = (bus: Bus["Service"]) =>
  CoreLink.make({
    bus,
    environment: world,
    counters,
    run: (effect) => void Effect.runFork(effect),
  });

/** A core: the answer of each attempt; undefined is one that says nothing of use. */
const serve = (answer: (attempt: number) => unknown) =>
  Effect.runPromise(
    bus.serve(Subjects.commands(to.cell, to.shard), (payload) =>
      Effect.sync(() => {
        seen.push(payload as Envelope);
        return answer(seen.length);
      })).pipe(Scope.provide(scope)),
  );

const replied = (reply: Reply) => ({ id: "x", epoch: 1, reply });

/** Sends, lets time pass in steps, and gives what came back: once. */
const send = async (deadlineMs: number): Promise<ReadonlyArray<Reply | undefined>> => {
  const answers: Array<Reply | undefined> = [];
  link.send(to, "id-1", command, deadlineMs, (reply) => answers.push(reply));
  for (let passed = 0; passed < 2 * deadlineMs && answers.length === 0; passed += 50) {
    await Promise.resolve();
    world.pass(50);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return answers;
};

test("the reply comes back, and the command went to the shard of its actor", async () => {
  await serve(() => replied(accepted));
  expect(await send(1_000)).toEqual([accepted]);
  expect(seen).toHaveLength(1);
  expect(seen[0]).toMatchObject({ ...to, id: "id-1", command });
  expect(seen[0]?.deadline).toBe(1_700_000_001_000);
});

test("an answer that is none is asked for again, under the same id", async () => {
  await serve((attempt) => attempt < 4 ? undefined : replied(accepted));
  expect(await send(10_000)).toEqual([accepted]);
  expect(seen.map(({ id }) => id)).toEqual(["id-1", "id-1", "id-1", "id-1"]);
  expect(counters.counter("edge_command_retries_total").value).toBe(3);
});

test("a question that breaks on its way is asked again", async () => {
  await serve(() => replied(accepted));
  let broken = 0;
  const breaking: Bus["Service"] = {
    ...bus,
    request: (...asked) => broken++ < 2 ? Effect.die("defect") : bus.request(...asked),
  };
  link = linkOver(breaking);
  expect(await send(10_000)).toEqual([accepted]);
  expect(broken).toBe(3);
});

test("nobody there: asked again with growing pauses, given up before the deadline", async () => {
  const answers = await send(5_000);
  expect(answers).toEqual([undefined]);
  expect(world.now()).toBeLessThan(1_700_000_005_000);
  // 50, 100, 200, 400, 800, 1,000 ... ms
  expect(counters.counter("edge_command_retries_total").value).toBe(8);
  expect(counters.counter("edge_commands_abandoned_total").value).toBe(1);
});

test("a core that comes up meanwhile gets it", async () => {
  const answers: Array<Reply | undefined> = [];
  link.send(to, "id-1", command, 10_000, (reply) => answers.push(reply));
  world.pass(500);
  await serve(() => replied(accepted));
  await until("the reply", () => {
    world.pass(100);
    return answers.length > 0;
  }, 5_000);
  expect(answers).toEqual([accepted]);
});
