import { expect, test } from "vitest";
import type { Committed } from "../../src/actor/Shard.ts";
import * as Endings from "../../src/host/Endings.ts";
import * as Counters from "../../src/telemetry/Counters.ts";

const record = (sequence: number, at: number, actor: string, ...events: ReadonlyArray<unknown>) =>
  ({ header: { sequence, at, actor }, events }) as unknown as Committed;

const ended = (cause: string, endedBy: string) => ({ _tag: "CallEnded", cause, endedBy });

const rig = () => {
  const counters = Counters.make();
  const take = Endings.make(counters, 1_000);
  return {
    take: (shard: number, ...records: ReadonlyArray<Committed>) =>
      take({ cell: "a", shard }, records),
    counted: (cause: string, by: string) =>
      counters.counter("calls_ended_total", { cause, by }).value,
  };
};

test("each call that ended is counted by cause and party", () => {
  const { counted, take } = rig();
  take(
    0,
    record(1, 1_000, "call/a", { _tag: "CallOffered" }, ended("busy", "callee")),
    record(2, 1_001, "call/b", { _tag: "CallOffered" }),
  );
  take(1, record(1, 1_002, "call/c", ended("busy", "callee")));
  take(0, record(3, 1_003, "call/b", ended("hangup", "caller")));
  expect([counted("busy", "callee"), counted("hangup", "caller")]).toEqual([2, 1]);
});

test("what is read again counts once, what was before this life not at all", () => {
  const { counted, take } = rig();
  const records = [
    record(1, 900, "call/old", ended("busy", "callee")),
    record(2, 1_100, "call/a", ended("busy", "callee")),
  ];
  for (let n = 0; n < 3; n++) take(0, ...records);
  expect(counted("busy", "callee")).toBe(1);
});

test("only calls end", () => {
  const { counted, take } = rig();
  take(0, record(1, 2_000, "user/one/1001", ended("busy", "callee")));
  expect(counted("busy", "callee")).toBe(0);
});
