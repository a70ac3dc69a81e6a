/** A6: what a REGISTER does to the bindings (RFC 3261 section 10.3, RFC 3327, RFC 5626). */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Reply } from "../../schemas/Reply.ts";
import type { Binding, Contact } from "../../schemas/User.ts";
import { decider } from "../../src/user/User.ts";
import { expiry, live, same, type State } from "../../src/user/State.ts";
import { parameters } from "../prove/Rows.ts";
import { life, type Register, register, run, secondMs, wire } from "./UserModel.ts";

const { runs } = parameters("A6");

interface Registration {
  readonly at: number;
  readonly command: Register;
  /** Live ones, before and after. */
  readonly before: ReadonlyArray<Binding>;
  readonly after: ReadonlyArray<Binding>;
  readonly events: number;
  readonly reply: Reply;
}

const decided = (state: State, at: number, command: Register): Registration => {
  const { events, reply } = decider.decide(state, wire(at, command));
  const after = events.reduce(decider.evolve, state);
  const [held, left] = [live(state, at), live(after, at)];
  return { at, command, before: held, after: left, events: events.length, reply };
};

/** One REGISTER after a random life. */
const always = (what: string, check: (registration: Registration, state: State) => void): void =>
  test(what, () => {
    fc.assert(
      fc.property(life, register, fc.integer({ min: 0, max: 200 }), (moves, command, seconds) => {
        const { now, state } = run(moves);
        check(decided(state, now + seconds * secondMs, command), state);
      }),
      { numRuns: runs },
    );
  });

const wanted = (contact: Contact, { expires }: Register): number =>
  contact.expires ?? expires ?? expiry.usual;

const named = (binding: Binding, { contacts }: Register): boolean =>
  contacts.some((contact) => same(contact, binding));

always("it is refused exactly for *, a short expiry, an old CSeq or too many contacts", (one) => {
  const { after, before, command, events, reply } = one;
  const { all, callId, contacts, cseq, expires } = command;
  const seconds = contacts.map((contact) => wanted(contact, command));
  const touched = before.filter((binding) => all || named(binding, command));
  const status = reply._tag === "Answered" ? reply.status : 200;
  if (all && (contacts.length > 0 || expires !== 0)) expect(status).toBe(400);
  else if (seconds.some((n) => n > 0 && n < expiry.least)) expect(status).toBe(423);
  else if (touched.some((known) => known.callId === callId && cseq <= known.cseq)) {
    expect(status).toBe(400);
  } else if (status !== 200) {
    expect(status).toBe(403);
    expect(contacts.length + before.length).toBeGreaterThan(0);
  }
  if (status !== 200) expect([events, after]).toEqual([0, before]);
});

always("what it does not name stays as it was", ({ after, before, command, reply }) => {
  if (reply._tag !== "Registered" || command.all) return;
  const others = (bindings: ReadonlyArray<Binding>) =>
    bindings.filter((binding) => !named(binding, command));
  expect(others(after)).toEqual(others(before));
});

always("Expires 0 unbinds, * unbinds all, a fetch changes nothing", (one) => {
  const { after, command, events, reply } = one;
  if (reply._tag !== "Registered") return;
  if (command.all) expect(after).toEqual([]);
  else if (command.contacts.length === 0) expect(events).toBe(0);
  for (const contact of command.contacts) {
    if (command.contacts.filter((other) => same(contact, other)).length > 1) continue;
    const left = after.filter((binding) => same(contact, binding)).length;
    expect(left).toBe(wanted(contact, command) === 0 ? 0 : 1);
  }
});

always("a binding lives as long as was granted, or at least two thirds of it", (one) => {
  const { after, at, command, reply } = one;
  if (reply._tag !== "Registered") return;
  for (const contact of command.contacts) {
    const [binding, ...twins] = after.filter((held) => same(contact, held));
    const again = command.contacts.filter((other) => same(contact, other)).length > 1;
    if (binding === undefined || twins.length > 0 || again) continue;
    const cap = command.natted ? expiry.natted : expiry.most;
    const granted = Math.min(wanted(contact, command), cap) * secondMs;
    expect(binding.expiresAt - at).toBeLessThanOrEqual(granted);
    expect(binding.expiresAt - at).toBeGreaterThanOrEqual(granted * 2 / 3);
  }
});

always("calls take the way that the last REGISTER told: URI, flow, Path, q", (one) => {
  const { after, command, reply } = one;
  if (reply._tag !== "Registered") return;
  for (const contact of command.contacts) {
    const again = command.contacts.filter((other) => same(contact, other)).length > 1;
    if (again || wanted(contact, command) === 0) continue;
    const held = after.find((binding) => same(contact, binding))!;
    const { flow, natted, path, q, uri } = held;
    expect({ flow, natted, path, q, uri }).toEqual({
      flow: command.identity.source,
      natted: command.natted,
      path: command.path,
      q: contact.q,
      uri: contact.uri,
    });
  }
});

always("the same REGISTER again changes nothing", ({ at, command }, state) => {
  const { events } = decider.decide(state, wire(at, command));
  const after = events.reduce(decider.evolve, state);
  expect(decider.decide(after, wire(at, command)).events).toEqual([]);
});

test("who is not believed changes nothing and learns nothing", () => {
  const challenge: Reply = {
    _tag: "Challenged",
    realm: "example.test",
    nonce: "n",
    algorithms: ["SHA-256"],
    stale: false,
  };
  const forbidden: Reply = { _tag: "Answered", status: 403, reason: null, headers: [] };
  const refusal = fc.constantFrom(challenge, forbidden);
  const tags = fc.constantFrom("AdmitRequest" as const, "AuthenticateRequest" as const, null);
  fc.assert(
    fc.property(life, register, refusal, tags, (moves, command, refusal, _tag) => {
      const { now, state } = run(moves);
      const asked = _tag === null ? command : { _tag, identity: command.identity };
      const input = { _tag: "Wire", at: now, command: asked, refusal, routed: null } as const;
      expect(decider.decide(state, input)).toEqual({ events: [], reply: refusal });
    }),
    { numRuns: runs },
  );
});

test("a deadline ends what is due, and nothing of another phone", () => {
  fc.assert(
    fc.property(life, fc.integer({ min: 0, max: 8_000 }), (moves, seconds) => {
      const { now, state } = run(moves);
      const at = now + seconds * secondMs;
      const next = Math.min(...state.bindings.map(({ expiresAt }) => expiresAt));
      const passed = (generation: number) => ({ _tag: "DeadlinePassed", at, generation }) as const;
      expect(decider.decide(state, passed(next + 1)).events).toEqual([]);
      const { events } = decider.decide(state, passed(next));
      const after = events.reduce(decider.evolve, state);
      expect(after.bindings).toEqual(live(state, at));
    }),
    { numRuns: runs },
  );
});

test("whoever follows the events alone knows every binding", () => {
  const nameOf = (one: Pick<Binding, "uri"> & Partial<Binding>) =>
    `${one.uri} ${one.instance} ${one.regId}`;
  fc.assert(
    fc.property(life, (moves) => {
      const { events, state } = run(moves);
      const rows = new Set<string>();
      for (const event of events) {
        if (event._tag === "UserRemoved") rows.clear();
        if (event._tag === "ContactUnbound") rows.delete(nameOf(event));
        if (event._tag === "ContactBound") rows.add(nameOf(event.binding));
      }
      expect([...rows].sort()).toEqual(state.bindings.map(nameOf).sort());
    }),
    { numRuns: runs },
  );
});

test("an event of before instances were named unbinds all that share the key", () => {
  const { state } = run([]);
  const binding = (instance: string): Binding => ({
    uri: "sip:a@192.0.2.1",
    key: "sip:a@192.0.2.1",
    instance,
    regId: 1,
    q: null,
    since: 1,
    expiresAt: 2,
    path: [],
    flow: {
      edge: "e1",
      incarnation: "b",
      transport: "udp",
      connection: 0,
      remote: { ip: "192.0.2.1", port: 5060 },
    },
    natted: false,
    callId: "c",
    cseq: 1,
    userAgent: "",
  });
  const both = ["urn:1", "urn:2"].map((instance) =>
    ({ _tag: "ContactBound", at: 1, binding: binding(instance) }) as const
  ).reduce(decider.evolve, state);
  const { key, uri } = binding("");
  const old = { _tag: "ContactUnbound", at: 2, uri, key, reason: "expired" } as const;
  expect(decider.evolve(both, old).bindings).toEqual([]);
  const one = { ...old, instance: "urn:1", regId: 1 };
  expect(decider.evolve(both, one).bindings).toEqual([binding("urn:2")]);
});
