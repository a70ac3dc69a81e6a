/** Random registrations of one user. */
import fc from "fast-check";
import type { Reply } from "../../schemas/Reply.ts";
import type { Contact, UserEvent } from "../../schemas/User.ts";
import type { Decider } from "../../src/kernel/Decider.ts";
import { type Command, nextExpiry, type State } from "../../src/user/State.ts";
import { decider } from "../../src/user/User.ts";
import * as Laws from "./Laws.ts";

export const most = 3;
export const secondMs = 1_000;

export type Register = Extract<
  Extract<Command, { _tag: "Wire" }>["command"],
  { _tag: "RegisterContacts" }
>;
type EdgeLost = { readonly _tag: "EdgeLost"; readonly at: number; readonly edge: string };
export type Step = Command | EdgeLost;

/** The decider, and the one event that a shard brings by itself. */
export const withEdges: Decider<State, Step, UserEvent, Reply, never> = {
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

export const identityOf = (edge: string, port: number): Register["identity"] => ({
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

export const contact: fc.Arbitrary<Contact> = fc.record({
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

export type Move =
  | { readonly kind: "register"; readonly register: Register }
  | { readonly kind: "expire" | "edgeLost" | "remove" | "provision" | "lookUp" };

export const register: fc.Arbitrary<Register> = fc.record({
  edge: fc.constantFrom("e1", "e2"),
  dialog: fc.constantFrom("a", "b"),
  cseq: fc.integer({ min: 1, max: 20 }),
  contacts: fc.uniqueArray(contact, { maxLength: 4, selector: ({ key }) => key }),
  all: fc.boolean(),
  expires: fc.constantFrom(null, 0, 30, 120),
  natted: fc.boolean(),
  path: fc.constantFrom([], ["sip:proxy.example.test;lr"]),
}).map(({ edge, dialog, all, ...rest }) => ({
  _tag: "RegisterContacts",
  ...rest,
  all: all && rest.contacts.length < 2,
  identity: identityOf(edge, 6_001),
  callId: dialog,
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
export const life = fc.array(fc.tuple(move, fc.integer({ min: 0, max: 200 })), { maxLength: 25 });
export type Life = Array<[Move, number]>;

export const wire = (
  at: number,
  command: Extract<Command, { _tag: "Wire" }>["command"],
): Command => ({
  _tag: "Wire",
  at,
  command,
  refusal: null,
  routed: null,
});

export const provision = (at: number): Command =>
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

export interface Told {
  readonly at: number;
  readonly step: Step;
  readonly before: State;
}

/** Runs a life; what was asked, and of which state, stands beside each reply. */
export const run = (moves: Life) => {
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
