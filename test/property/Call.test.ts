/** A6: the call, against random lives. */
import { Schema } from "effect";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CallEvent } from "../../schemas/CallEvent.ts";
import { EdgeEffect, type Effect } from "../../schemas/Effect.ts";
import { MediaRequest } from "../../schemas/Media.ts";
import type { Reply } from "../../schemas/Reply.ts";
import { decider, isOver } from "../../src/call/Call.ts";
import type { Command } from "../../src/call/Command.ts";
import { isLive, type State } from "../../src/call/State.ts";
import type { Decider } from "../../src/kernel/Decider.ts";
import { parameters } from "../prove/Rows.ts";
import * as Model from "./CallModel.ts";
import * as Laws from "./Laws.ts";

const { runs } = parameters("A6");

/** Commands, and the one event that a shard brings by itself. */
type Step = Command | { readonly _tag: "EdgeLost"; readonly at: number; readonly edge: string };

const withEdges: Decider<State, Step, CallEvent, Reply, Effect> = {
  ...decider,
  decide: (state, step) =>
    step._tag === "EdgeLost"
      ? { events: [{ ...step, incarnation: `boot${step.at}` }], reply: { _tag: "Accepted" } }
      : decider.decide(state, step),
};

/** A life, and then time until nothing more can happen. */
const live = ({ beginning, moves }: { beginning: Model.Beginning; moves: Array<Model.Move> }) => {
  const closing = 6;
  return Laws.run(withEdges, (state, step): Step | undefined => {
    if (step === 0) return Model.offerOf(beginning, 1_000_000);
    const move = moves[step - 1];
    const at = 1_000_000 + step * 1_000;
    if (move?.kind === "edgeLost") {
      return { _tag: "EdgeLost", at, edge: move.salt % 2 === 0 ? "e1" : "e2" };
    }
    if (move !== undefined) return Model.commandOf(state, move, step);
    // Lookups are answered, then time runs out.
    return state.lookups > 0
      ? Model.commandOf(state, { kind: "targets", leg: 1, salt: 0 }, step)
      : Model.passed(state, at, step);
  }, 1 + moves.length + closing);
};

type Sent = Extract<EdgeEffect, { _tag: "SendRequest" }>;
const bodies = (effects: ReadonlyArray<Effect>) => effects.map(({ body }) => body);
const of = (effects: ReadonlyArray<Effect>, tag: string, leg: number) =>
  bodies(effects).filter((body) => body._tag === tag && (body as EdgeEffect).leg === leg);

const isEffect = Schema.is(Schema.Union([EdgeEffect, MediaRequest]));
const isEvent = Schema.is(CallEvent);

test("every life obeys the laws of a decider, ends once, and leaves no leg", () => {
  fc.assert(
    fc.property(Model.life, (life) => {
      const { effects, events, state } = live(life);
      expect(state.phase).toBe("ended");
      expect(isOver(state)).toBe(true);
      expect(events.filter(({ _tag }) => _tag === "CallEnded")).toHaveLength(1);
      expect(state.legs.filter(isLive)).toEqual([]);
      expect(events.every((event) => isEvent(event))).toBe(true);
      const outward = effects.filter(({ performer }) => performer._tag !== "Host");
      expect(outward.every(({ body }) => isEffect(body))).toBe(true);
    }),
    { numRuns: runs },
  );
});

test("the caller hears one final response to its INVITE", () => {
  fc.assert(
    fc.property(Model.life, (life) => {
      const { effects } = live(life);
      const finals = of(effects, "SendResponse", 0)
        .filter((body) =>
          body._tag === "SendResponse" && body.path.cseq === 1 && body.status >= 200
        );
      expect(finals).toHaveLength(1);
    }),
    { numRuns: runs },
  );
});

test("every callee that was rung is refused, cancelled or hung up, and by one of us alone", () => {
  fc.assert(
    fc.property(Model.life, (life) => {
      const { effects, events, state } = live(life);
      for (const leg of state.legs.slice(1)) {
        const invites = (of(effects, "SendRequest", leg.id) as Array<Sent>)
          .filter(({ cseq, method }) => method === "INVITE" && cseq === 1);
        expect(invites).toHaveLength(1);
        const mine = events.filter((event) => "leg" in event && event.leg === leg.id);
        const left = mine.some(({ _tag }) =>
          _tag === "LegRefused" || _tag === "LegFailed" || _tag === "LegRedirected"
        );
        const answered = mine.some(({ _tag }) => _tag === "LegAnswered");
        const cancelled = of(effects, "SendCancel", leg.id).length;
        const byes = effects.filter(({ body, slot }) =>
          slot === `bye:${leg.id}` && body._tag === "SendRequest"
        ).length;
        const end = events.find((event) =>
          event._tag === "CallEnded"
        );
        const hungUp = end?._tag === "CallEnded" && end.cause === "hangup" &&
          end.endedBy === "callee" && state.callee === leg.id;
        const declined = mine.some(({ _tag }) => _tag === "AnswerDeclined");
        if (answered) {
          expect(byes + (hungUp ? 1 : 0)).toBe(1);
          expect(of(effects, "SendAck", leg.id).length).toBeGreaterThan(0);
        } else {
          expect(cancelled + (left ? 1 : 0) + (declined ? 1 : 0)).toBeGreaterThan(0);
          expect(byes).toBe(0);
        }
      }
    }),
    { numRuns: runs },
  );
});

test("CSeq numbers only rise, and the relay is released exactly when it was held", () => {
  fc.assert(
    fc.property(Model.life, (life) => {
      const { effects, events } = live(life);
      const last = new Map<string, number>();
      for (const { body, slot } of effects) {
        if (body._tag !== "SendRequest") continue;
        const key = `${body.callId} ${body.to} ${slot.endsWith("*")}`;
        expect(body.cseq).toBeGreaterThan(last.get(key) ?? 0);
        last.set(key, body.cseq);
      }
      const held = events.some(({ _tag }) => _tag === "MediaReserved");
      const released = bodies(effects).filter(({ _tag }) => _tag === "ReleaseRelay");
      expect(released).toHaveLength(held ? 1 : 0);
      const generations = bodies(effects).flatMap((body) =>
        body._tag === "ConfigureRelay" || body._tag === "ReleaseRelay" ? [body.generation] : []
      );
      expect(generations).toEqual([...new Set(generations)].sort((a, b) => a - b));
    }),
    { numRuns: runs },
  );
});

/** Events of nowhere: any journal must fold, whatever wrote it. */
test("evolve is total", () => {
  const events = fc.sample(Model.life, { numRuns: 200, seed: 7 }).flatMap((life) =>
    live(life).events
  );
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...events), { maxLength: 30 }), (history) => {
      let state = decider.initial;
      for (const event of history) {
        const after = decider.evolve(state, event);
        expect(Array.isArray(decider.effectsOf(state, event, after))).toBe(true);
        state = after;
      }
    }),
    { numRuns: runs },
  );
});
