/** What an event proves about effects that nothing has confirmed yet. */
import { expect, test } from "vitest";
import type { CallEvent } from "../../schemas/CallEvent.ts";
import { confirms } from "../../src/call/Effects.ts";
import { initial, type State } from "../../src/call/State.ts";

const up: State = { ...initial, phase: "up", answeredAt: 1 };

const ended = (
  cause: "hangup" | "duration",
  endedBy: "caller" | "callee" | "engine",
): CallEvent => ({
  _tag: "CallEnded",
  at: 2,
  cause,
  endedBy,
  status: 200,
  startedAt: 0,
  ringingAt: null,
  answeredAt: 1,
  caller: up.caller,
  callee: null,
  dialled: "1002",
  legs: 2,
});

test("a caller that hangs up has heard its answer, whoever else ends a call proves nothing", () => {
  expect(confirms(up, ended("hangup", "caller"))).toContain("response:0");
  expect(confirms(up, ended("hangup", "callee"))).not.toContain("response:0");
  expect(confirms(up, ended("duration", "engine"))).not.toContain("response:0");
});
