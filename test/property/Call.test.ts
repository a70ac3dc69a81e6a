/** A6: the call, against random lives. */
import { Schema } from "effect";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CallEvent } from "../../schemas/CallEvent.ts";
import { EdgeEffect, type Effect } from "../../schemas/Effect.ts";
import { MediaRequest } from "../../schemas/Media.ts";
import { decider, isOver } from "../../src/call/Call.ts";
import { isLive } from "../../src/call/State.ts";
import { parameters } from "../prove/Rows.ts";
import { live } from "./CallLife.ts";
import * as Model from "./CallModel.ts";

const { runs } = parameters("A6");

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
