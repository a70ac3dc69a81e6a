/** A6: what holds in a call after each single command, whatever came before. */
import { Schema } from "effect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CallEvent } from "../../schemas/CallEvent.ts";
import type { Effect } from "../../schemas/Effect.ts";
import { deadlineOf } from "../../src/call/Call.ts";
import { isLive, type LegPhase, mostLegs, type State } from "../../src/call/State.ts";
import { parameters } from "../prove/Rows.ts";
import { live, type Turn } from "./CallLife.ts";
import * as Model from "./CallModel.ts";

const { runs } = parameters("A6");
const isEvent = Schema.is(CallEvent);

const phases: ReadonlyArray<State["phase"]> = ["idle", "setup", "up", "ended"];

/** Where a leg may go from each phase. */
const next: Readonly<Record<LegPhase, ReadonlyArray<LegPhase>>> = {
  calling: ["calling", "ringing", "up", "cancelled", "ended"],
  ringing: ["ringing", "up", "cancelled", "ended"],
  up: ["up", "ended"],
  cancelled: ["cancelled", "ended"],
  ended: ["ended"],
};

/** Each with the name under which it fails. */
const invariants: Readonly<Record<string, (turn: Turn, last: Turn | undefined) => void>> = {
  "a call goes forward, and so does each leg": ({ before, after }) => {
    expect(phases.indexOf(after.phase)).toBeGreaterThanOrEqual(phases.indexOf(before.phase));
    expect(after.legs.length).toBeGreaterThanOrEqual(before.legs.length);
    for (const leg of before.legs) expect(next[leg.phase]).toContain(after.legs[leg.id]!.phase);
  },

  "a call that ended stays as it ended, and only declines late answers": (turn) => {
    const { before, events, after } = turn;
    if (before.phase !== "ended") return;
    expect(after.phase).toBe("ended");
    expect(after.ended).toEqual(before.ended);
    const allowed: ReadonlyArray<CallEvent["_tag"]> = ["AnswerDeclined", "EdgeLost"];
    for (const { _tag } of events) expect(allowed).toContain(_tag);
  },

  "an ended call holds no leg, no port, no deadline and no re-INVITE": ({ after }) => {
    if (after.phase !== "ended") return;
    expect(after.legs.filter(isLive)).toEqual([]);
    expect(after.legs.every(({ path }) => path === null)).toBe(true);
    expect(after.relay).toBeNull();
    expect(after.exchange).toBeNull();
    expect(deadlineOf(after)).toBeUndefined();
  },

  "a call that lives has a deadline, and somebody to wait for": ({ after }) => {
    if (after.phase !== "setup" && after.phase !== "up") return;
    expect(deadlineOf(after)).toBeDefined();
    const waits = after.legs.some((leg) => leg.id > 0 && isLive(leg)) || after.lookups > 0;
    expect(waits || after.feature !== null).toBe(true);
  },

  "in an answered call the caller and one callee are up, and nobody else": ({ after }) => {
    const up = after.legs.filter(({ phase }) => phase === "up").map(({ id }) => id);
    const expected = after.phase !== "up" ? [] : after.feature !== null ? [0] : [0, after.callee];
    expect(up).toEqual(expected);
    if (after.phase === "up") expect(after.legs.filter(isLive)).toHaveLength(expected.length);
  },

  "one re-INVITE at a time, between the two who talk": ({ after }) => {
    const { exchange } = after;
    if (exchange === null) return;
    expect(after.phase).toBe("up");
    expect([exchange.from, exchange.to].sort()).toEqual([0, after.callee]);
  },

  "a deadline of another name or generation changes nothing": (turn) => {
    const { before, command, events } = turn;
    if (command._tag !== "DeadlinePassed") return;
    const due = deadlineOf(before);
    const isDue = due?.name === command.name && due.generation === command.generation;
    expect(events.length > 0).toBe(isDue);
  },

  "the same command again changes nothing": (turn, last) => {
    const { command, events } = turn;
    const before = last?.after === turn.before ? last.command : undefined;
    // The lookup of another redirection may be under way; the command's id tells them apart.
    if (before === undefined || command._tag === "EdgeLost" || command._tag === "Targets") return;
    const isSame = JSON.stringify({ ...before, at: 0 }) === JSON.stringify({ ...command, at: 0 });
    if (isSame) expect(events).toEqual([]);
  },
};

test("after each command every invariant holds", () => {
  fc.assert(
    fc.property(Model.life, (life) => {
      let last: Turn | undefined;
      live(life, (turn) => {
        for (const [name, check] of Object.entries(invariants)) {
          try {
            check(turn, last);
          } catch (cause) {
            throw new Error(`broken: ${name}`, { cause });
          }
        }
        last = turn;
      });
    }),
    { numRuns: runs },
  );
});

type Ended = Extract<CallEvent, { _tag: "CallEnded" }>;

const finalsOf = (effects: ReadonlyArray<Effect>, leg: number, cseq: number) =>
  effects.flatMap(({ body }) =>
    body._tag === "SendResponse" && body.leg === leg && body.path.cseq === cseq &&
      body.status >= 200
      ? [body.status]
      : []
  );

test("the CDR tells one cause, who caused it, and what the caller heard", () => {
  fc.assert(
    fc.property(Model.life, (life) => {
      const { effects, events, state } = live(life);
      const cdrs = events.filter((event): event is Ended => event._tag === "CallEnded");
      expect(cdrs).toHaveLength(1);
      const cdr = cdrs[0]!;
      const answered = events.some(({ _tag }) =>
        _tag === "CallAnswered" || _tag === "FeatureAnswered"
      );
      expect(cdr.answeredAt !== null).toBe(answered);
      expect(cdr.legs).toBe(state.legs.length);
      expect(cdr.startedAt).toBeLessThanOrEqual(cdr.answeredAt ?? cdr.at);
      expect(cdr.answeredAt ?? cdr.at).toBeLessThanOrEqual(cdr.at);
      expect(finalsOf(effects, 0, 1)).toEqual([cdr.status]);
      expect(cdr.status === 200).toBe(answered);
      if (answered) {
        expect(["hangup", "duration", "lost", "notAcceptable"]).toContain(cdr.cause);
      } else expect(["hangup", "duration"]).not.toContain(cdr.cause);
      if (cdr.cause === "hangup") expect(cdr.endedBy).not.toBe("engine");
      if (cdr.cause === "cancelled") expect(cdr.endedBy).toBe("caller");
      if (cdr.cause === "duration" || cdr.cause === "noAnswer") expect(cdr.endedBy).toBe("engine");
    }),
    { numRuns: runs },
  );
});

test("every re-INVITE hears one final response, every 2xx to ours one ACK", () => {
  fc.assert(
    fc.property(Model.life, (life) => {
      const asked: Array<Turn> = [];
      const { effects, events } = live(life, (turn) => {
        const { command } = turn;
        if (command._tag === "Wire" && command.command._tag === "OfferMedia") asked.push(turn);
      });
      for (const { command, events, reply } of asked) {
        if (command._tag !== "Wire" || command.command._tag !== "OfferMedia") continue;
        const { cseq, leg } = command.command;
        const told = finalsOf(effects, leg, cseq).length;
        if (events.length === 0) expect(reply._tag).toBe("Answered");
        // The same re-INVITE may have come before, and been taken then.
        else expect([reply._tag, told]).toEqual(["Accepted", 1]);
      }
      const reInvites = effects.flatMap(({ body }) =>
        body._tag === "SendRequest" && body.method === "INVITE" && (body.leg === 0 || body.cseq > 1)
          ? [body]
          : []
      );
      const acks = effects.filter(({ body, slot }) =>
        body._tag === "SendAck" && !slot.endsWith("*") &&
        reInvites.some(({ leg, cseq }) => leg === body.leg && cseq === body.cseq)
      );
      const answered = events.filter(({ _tag }) => _tag === "MediaAnswered").length;
      const features = events.some(({ _tag }) => _tag === "FeatureAnswered");
      expect(acks).toHaveLength(features ? 0 : answered);
    }),
    { numRuns: runs },
  );
});

describe("a call whose phones redirect and redirect", () => {
  const storm = (beginning: Model.Beginning) => {
    const moves = Array.from(
      { length: 400 },
      (_, n): Model.Move =>
        n % 2 === 0
          ? { kind: "redirect", leg: 1 + Math.floor(n / 2), salt: 1 }
          : { kind: "targets", leg: 1, salt: n % 3 === 0 ? 0 : 5 },
    );
    return live({ beginning, moves });
  };
  const beginning = { feature: null, late: false, refused: false, media: "relay" } as const;

  test.each([1, 3, 8])("%i at first: no more legs than have a number, and it ends", (targets) => {
    const { events, state } = storm({ ...beginning, targets });
    expect(state.legs.length).toBeLessThanOrEqual(mostLegs);
    expect(events.filter((event) => !isEvent(event))).toEqual([]);
    expect(events.filter(({ _tag }) => _tag === "CallEnded")).toHaveLength(1);
  });

  test("an edge that is lost again and again cannot make more legs either", () => {
    const moves = Array.from(
      { length: 150 },
      (_, n): Model.Move => ({ kind: n % 2 === 0 ? "edgeLost" : "deadline", leg: 1, salt: 0 }),
    );
    const { events, state } = live({ beginning: { ...beginning, targets: 3 }, moves });
    expect(state.legs.length).toBeLessThanOrEqual(mostLegs);
    expect(events.filter((event) => !isEvent(event))).toEqual([]);
    expect(events.filter(({ _tag }) => _tag === "CallEnded")).toHaveLength(1);
  });
});
