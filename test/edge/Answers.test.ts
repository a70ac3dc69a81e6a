import { beforeEach, expect, test } from "vitest";
import * as Answers from "../../src/edge/Answers.ts";
import * as TimerWheel from "../../src/edge/TimerWheel.ts";
import * as World from "./World.ts";

const slackMs = 40;
let world: World.World;
let answers: Answers.Answers;
let events: Array<string>;

const waiting = (name: string, owner = "call/1 0"): Answers.Waiting => ({
  owner,
  repeat: () => events.push(`${name} again`),
  acknowledged: (body) => events.push(`${name} acknowledged ${body}`),
  timedOut: () => events.push(`${name} timed out`),
});

beforeEach(() => {
  world = World.make();
  answers = Answers.make(TimerWheel.make(world));
  events = [];
});

test("a 2xx is repeated at 0.5, 1, 2, 4, 4 ... s until 64 T1 (RFC 3261 section 13.3.1.4)", () => {
  const start = world.now();
  const at: Array<number> = [];
  answers.start("tag 1", {
    ...waiting("200"),
    repeat: () => at.push(world.now() - start),
    timedOut: () => events.push(`timed out after ${Math.floor((world.now() - start) / 1_000)} s`),
  });
  world.pass(60_000);
  const due = [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
  expect(at).toHaveLength(due.length);
  at.forEach((ms, n) => {
    expect(ms).toBeGreaterThanOrEqual(due[n]!);
    expect(ms).toBeLessThanOrEqual(due[n]! + (n + 1) * slackMs);
  });
  expect(events).toEqual(["timed out after 32 s"]);
});

test("its ACK ends it, and is taken once", () => {
  answers.start("tag 1", waiting("200"));
  world.pass(600);
  expect(answers.acknowledge("tag 1", "v=0")).toBe(true);
  expect(answers.acknowledge("tag 1", "v=0")).toBe(false);
  world.pass(60_000);
  expect(events).toEqual(["200 again", "200 acknowledged v=0"]);
});

test("an ACK of another dialog or request ends nothing", () => {
  answers.start(Answers.keyOf("tag", 1), waiting("200"));
  for (const key of [Answers.keyOf("tag", 2), Answers.keyOf("other", 1)]) {
    expect(answers.acknowledge(key, "")).toBe(false);
  }
  world.pass(600);
  expect(events).toEqual(["200 again"]);
});

test("what the leg wants to send waits for the last ACK, in order", () => {
  answers.start("tag 1", waiting("first"));
  answers.start("tag 2", waiting("second"));
  answers.whenSettled("call/1 0", () => events.push("BYE"));
  answers.whenSettled("call/1 0", () => events.push("more"));
  answers.whenSettled("call/2 0", () => events.push("another leg"));
  answers.acknowledge("tag 1", "");
  answers.acknowledge("tag 2", "");
  expect(events).toEqual([
    "another leg",
    "first acknowledged ",
    "second acknowledged ",
    "BYE",
    "more",
  ]);
});

test("without an ACK it waits no longer than the 2xx does", () => {
  answers.start("tag 1", waiting("200"));
  answers.whenSettled("call/1 0", () => events.push("BYE"));
  world.pass(33_000);
  expect(events.slice(-2)).toEqual(["BYE", "200 timed out"]);
});

test("a 2xx that is started again is still one, with its whole time", () => {
  answers.start("tag 1", waiting("old"));
  world.pass(20_000);
  events = [];
  answers.start("tag 1", waiting("new"));
  answers.whenSettled("call/1 0", () => events.push("BYE"));
  world.pass(20_000);
  expect(events).not.toContain("BYE");
  expect(events.every((event) => event === "new again")).toBe(true);
  answers.acknowledge("tag 1", "");
  expect(events.at(-1)).toBe("BYE");
});

test("a repetition that fails does not keep the 2xx from its end", () => {
  answers.start("tag 1", {
    ...waiting("200"),
    repeat: () => {
      throw new Error("defect");
    },
  });
  world.pass(33_000);
  expect(events).toEqual(["200 timed out"]);
});
