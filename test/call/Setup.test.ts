/** Decisions before the answer that hang on more than one phone. */
import { describe, expect, test } from "vitest";
import type { CallCommand } from "../../schemas/Call.ts";
import type { CallEvent } from "../../schemas/CallEvent.ts";
import { decider } from "../../src/call/Call.ts";
import type { Command } from "../../src/call/Command.ts";
import type { State } from "../../src/call/State.ts";
import * as Model from "../property/CallModel.ts";

const at = 1_000_000;
const minted = [{ callId: "id-x", tag: "tag-x", forkTag: "fork-x" }];

/** A call that rings this many phones, and what commands make of it. */
const ringing = (targets: number) => {
  let state: State = decider.initial;
  const take = (command: Command): ReadonlyArray<CallEvent> => {
    const { events } = decider.decide(state, command);
    for (const event of events) state = decider.evolve(state, event);
    return events;
  };
  const beginning = {
    targets,
    feature: null,
    late: false,
    refused: false,
    media: "relay",
  } as const;
  take(Model.offerOf(beginning, at));
  const wire = (command: Exclude<CallCommand, { _tag: "OfferCall" }>) =>
    take({ _tag: "Wire", at, tag: "", minted, command, relay: null });
  const response = (leg: number, status: number, sdp: string | null = null) => ({
    leg,
    cseq: 1,
    status,
    reason: "",
    remoteTag: `remote-${leg}`,
    contact: null,
    routeSet: [],
    headers: [],
    sdp,
    flow: Model.path(1).flow,
  });
  return {
    state: () => state,
    refuse: (leg: number, status: number, redirectedTo: ReadonlyArray<string> = []) =>
      wire({ _tag: "ReportRefusal", ...response(leg, status), redirectedTo }),
    fail: (leg: number) => wire({ _tag: "ReportFailure", leg, cseq: 1, failure: "timeout" }),
    answer: (leg: number) => wire({ _tag: "ReportAnswer", ...response(leg, 200) }),
    found: (leg: number, slots: ReadonlyArray<number>) =>
      take(Model.added(
        { _tag: "FindTargets", leg, depth: 0, slots, users: ["1003"] },
        slots.length,
        at,
        9,
      )),
  };
};

const endOf = (events: ReadonlyArray<CallEvent>) => events.find(({ _tag }) => _tag === "CallEnded");

describe("a lookup that is under way", () => {
  test("is waited for when every phone refused", () => {
    const call = ringing(2);
    call.refuse(1, 302, ["1003"]);
    expect(endOf(call.refuse(2, 486))).toBeUndefined();
    expect(endOf(call.found(1, []))).toMatchObject({ cause: "busy", status: 486 });
  });

  test("is not waited for when somebody declined for all, and rings nobody afterwards", () => {
    const call = ringing(2);
    call.refuse(1, 302, ["1003"]);
    expect(endOf(call.refuse(2, 603))).toMatchObject({ cause: "declined", status: 603 });
    expect(call.found(1, [20, 21])).toEqual([]);
  });

  test("is waited for when the only answer had no description", () => {
    const call = ringing(2);
    call.refuse(1, 302, ["1003"]);
    expect(call.answer(2).map(({ _tag }) => _tag)).toEqual(["AnswerDeclined"]);
    expect(endOf(call.found(1, []))).toMatchObject({ cause: "notAcceptable", status: 488 });
  });
});

test.each(
  [
    [[486, "timeout"], 486, "busy"],
    [["timeout", 404], 404, "notFound"],
    [["timeout", 500], 480, "unreachable"],
    [[503, "timeout", 401], 480, "unreachable"],
    [[503, 401], 500, "failed"],
    [[401, 407], 502, "failed"],
    [[600, 486], 600, "busy"],
  ] as const,
)("of %j the caller hears %i", (given, status, cause) => {
  const call = ringing(given.length);
  const events = given.flatMap((one, n) =>
    one === "timeout" ? call.fail(n + 1) : call.refuse(n + 1, one)
  );
  expect(endOf(events)).toMatchObject({ status, cause });
});
