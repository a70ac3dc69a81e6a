/** A6: the user actor, against random registrations. */
import { Schema } from "effect";
import fc from "fast-check";
import { expect, test } from "vitest";
import { UserEvent } from "../../schemas/User.ts";
import { expiry, live, same } from "../../src/user/State.ts";
import { decider } from "../../src/user/User.ts";
import { parameters } from "../prove/Rows.ts";
import { life, most, run, secondMs, withEdges } from "./UserModel.ts";

const { runs } = parameters("A6");
const isEvent = Schema.is(UserEvent);

test("every life obeys the laws of a decider", () => {
  fc.assert(
    fc.property(life, (moves) => {
      const { events, effects, state, now } = run(moves);
      expect(events.every((event) => isEvent(event))).toBe(true);
      expect(effects).toEqual([]);
      // The loss of an edge gives time to bindings whose end had just come.
      const revived = moves.some(([{ kind }]) => kind === "edgeLost");
      if (!revived) expect(live(state, now).length).toBeLessThanOrEqual(most);
      for (const one of state.bindings) {
        expect(state.bindings.filter((other) => same(one, other))).toHaveLength(1);
      }
    }),
    { numRuns: runs },
  );
});

test("what a phone is told is what the journal holds", () => {
  fc.assert(
    fc.property(life, (moves) => {
      const { replies, told, state: _, ...rest } = run(moves);
      let events = 0;
      let state = decider.initial;
      replies.forEach((reply, n) => {
        const { at, step, before } = told[n]!;
        const decided = withEdges.decide(before, step).events.length;
        state = rest.events.slice(events, events + decided).reduce(decider.evolve, state);
        events += decided;
        if (reply._tag !== "Registered") return;
        const promised = reply.contacts.map(({ uri, expiresIn }) => [uri, expiresIn]);
        const held = live(state, at).map(({ uri, expiresAt }) => [
          uri,
          Math.ceil((expiresAt - at) / secondMs),
        ]);
        expect(promised.sort()).toEqual(held.sort());
        for (const { expiresIn } of reply.contacts) {
          expect(expiresIn).toBeGreaterThan(0);
          expect(expiresIn).toBeLessThanOrEqual(expiry.most * 1.5);
        }
      });
    }),
    { numRuns: runs },
  );
});

test("a refused registration changes nothing, a refused one says why", () => {
  fc.assert(
    fc.property(life, (moves) => {
      const { replies, told } = run(moves);
      replies.forEach((reply, n) => {
        if (reply._tag !== "Answered") return;
        const { before, step } = told[n]!;
        expect(withEdges.decide(before, step).events).toEqual([]);
        expect([400, 403, 404, 423]).toContain(reply.status);
        if (reply.status === 423) {
          expect(reply.headers).toContainEqual(["Min-Expires", String(expiry.least)]);
        }
      });
    }),
    { numRuns: runs },
  );
});

test("a contact is rung until it expires and not longer", () => {
  fc.assert(
    fc.property(life, fc.integer({ min: 0, max: 20_000 }), (moves, seconds) => {
      const { state, now } = run(moves);
      const at = now + seconds * secondMs;
      const { reply } = decider.decide(state, {
        _tag: "Wire",
        at,
        command: { _tag: "LookUpContacts" },
        refusal: null,
        routed: null,
      });
      const expected = state.bindings.filter(({ expiresAt }) => expiresAt > at);
      expect(reply._tag === "Contacts" ? reply.bindings : []).toEqual(expected);
    }),
    { numRuns: runs },
  );
});

/** Events of nowhere: any journal must fold, whatever wrote it. */
test("evolve is total", () => {
  const events = fc.sample(life, { numRuns: 200, seed: 7 }).flatMap((moves) => run(moves).events);
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...events), { maxLength: 30 }), (history) => {
      const state = history.reduce(decider.evolve, decider.initial);
      expect(Array.isArray(state.bindings)).toBe(true);
    }),
    { numRuns: runs },
  );
});
