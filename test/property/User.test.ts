/** A6: the user actor, against random registrations. */
import { Schema } from "effect";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Reply } from "../../schemas/Reply.ts";
import { type Contact, UserEvent } from "../../schemas/User.ts";
import type { Decider } from "../../src/kernel/Decider.ts";
import { type Command, expiry, live, nextExpiry, same, type State } from "../../src/user/State.ts";
import { decider } from "../../src/user/User.ts";
import { parameters } from "../prove/Rows.ts";
import * as Laws from "./Laws.ts";

const { runs } = parameters("A6");
const most = 3;
const secondMs = 1_000;

type Register = Extract<
  Extract<Command, { _tag: "Wire" }>["command"],
  { _tag: "RegisterContacts" }
>;
type EdgeLost = { readonly _tag: "EdgeLost"; readonly at: number; readonly edge: string };
type Step = Command | EdgeLost;

/** The decider, and the one event that a shard brings by itself. */
const withEdges: Decider<State, Step, UserEvent, Reply, never> = {
  initial: decider.initial,
  decide: (state, step) =>
    step._tag === "EdgeLost"
      ? { events: [{ ...step, incarnation: `boot${step.at}` }], reply: { _tag: "Accepted" } }
      : decider.decide(state, step),
  evolve: decider.evolve,
  effectsOf: () => [],
};

const flowOf = (edge: string, port: number) => ({
  edge,
  incarnation: "boot",
  connection: 0,
  transport: "udp" as const,
  remote: { ip: "127.0.0.7", port },
});

const identityOf = (edge: string, port: number): Register["identity"] => ({
  method: "REGISTER",
  requestUser: "",
  requestHost: "example.test",
  fromUser: "ada",
  fromHost: "example.test",
  toUser: "ada",
  toHost: "example.test",
  source: flowOf(edge, port),
  digest: null,
});

const contact: fc.Arbitrary<Contact> = fc.record({
  phone: fc.integer({ min: 1, max: 5 }),
  expires: fc.constantFrom(null, 0, 30, 60, 600, 3_600, 1_000_000),
  q: fc.constantFrom(null, "0.5", "1.0"),
  instance: fc.constantFrom(null, null, "urn:uuid:1", "urn:uuid:2"),
}).map(({ phone, instance, ...rest }) => ({
  ...rest,
  instance,
  regId: instance === null ? null : 1,
  uri: `sip:p${phone}@127.0.0.7:${6_000 + phone}`,
  key: `sip:p${phone}@127.0.0.7:${6_000 + phone}`,
}));

type Move =
  | { readonly kind: "register"; readonly register: Register }
  | { readonly kind: "expire" | "edgeLost" | "remove" | "provision" | "lookUp" };

const register: fc.Arbitrary<Register> = fc.record({
  edge: fc.constantFrom("e1", "e2"),
  dialog: fc.constantFrom("a", "b"),
  cseq: fc.integer({ min: 1, max: 20 }),
  contacts: fc.uniqueArray(contact, { maxLength: 4, selector: ({ key }) => key }),
  all: fc.boolean(),
  expires: fc.constantFrom(null, 0, 30, 120),
  natted: fc.boolean(),
}).map(({ edge, dialog, all, ...rest }) => ({
  _tag: "RegisterContacts",
  ...rest,
  all: all && rest.contacts.length < 2,
  identity: identityOf(edge, 6_001),
  callId: dialog,
  path: [],
  userAgent: "Phone",
}));

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 8, arbitrary: register.map((register): Move => ({ kind: "register", register })) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Move>(
      { kind: "expire" },
      { kind: "edgeLost" },
      { kind: "lookUp" },
      { kind: "provision" },
      { kind: "remove" },
    ),
  },
);

/** Moves, each some seconds after the one before. */
const life = fc.array(fc.tuple(move, fc.integer({ min: 0, max: 200 })), { maxLength: 25 });
type Life = Array<[Move, number]>;

const wire = (at: number, command: Extract<Command, { _tag: "Wire" }>["command"]): Command => ({
  _tag: "Wire",
  at,
  command,
  refusal: null,
  routed: null,
});

const provision = (at: number): Command =>
  wire(at, {
    _tag: "ProvisionUser",
    display: "Ada",
    realm: "example.test",
    ha1: [{ algorithm: "SHA-256", value: "00" }],
    maxBindings: most,
  });

const stepOf = (state: State, one: Move, at: number): Step | undefined => {
  switch (one.kind) {
    case "register":
      return wire(at, one.register);
    case "lookUp":
      return wire(at, { _tag: "LookUpContacts" });
    case "provision":
      return provision(at);
    case "remove":
      return wire(at, { _tag: "RemoveUser" });
    case "edgeLost":
      return { _tag: "EdgeLost", at, edge: "e1" };
    case "expire": {
      const generation = nextExpiry(state);
      return generation === undefined
        ? undefined
        : { _tag: "DeadlinePassed", at: Math.max(at, generation), generation };
    }
  }
};

interface Told {
  readonly at: number;
  readonly step: Step;
  readonly before: State;
}

/** Runs a life; what was asked, and of which state, stands beside each reply. */
const run = (moves: Life) => {
  const told: Array<Told> = [];
  let now = 1_000_000_000;
  const trail = Laws.run(withEdges, (before, n): Step | undefined => {
    const [one, seconds] = moves[n - 1] ?? [{ kind: "provision" as const }, 0];
    now += seconds * secondMs;
    const step = stepOf(before, one, now);
    if (step === undefined) return undefined;
    now = Math.max(now, step.at);
    told.push({ at: now, step, before });
    return step;
  }, moves.length + 1);
  return { ...trail, told, now };
};

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
