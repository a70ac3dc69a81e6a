/** Decisions of a user: registrations (RFC 3261 section 10), credentials, contacts for calls. */
import { answered, type Reply } from "../../schemas/Reply.ts";
import type { Binding, Contact, UserCommand, UserEvent } from "../../schemas/User.ts";
import type { Decision } from "../kernel/Decider.ts";
import { type Command, expiry, live, nextExpiry, same, type State } from "./State.ts";

type Register = Extract<UserCommand, { _tag: "RegisterContacts" }>;
type Outcome = Decision<UserEvent, Reply>;

const refuse = (reply: Reply): Outcome => ({ events: [], reply });

export const decide = (state: State, input: Command): Outcome => {
  if (input._tag === "DeadlinePassed") return expire(state, input.at, input.generation);
  const { at, command, refusal, routed } = input;
  switch (command._tag) {
    case "RegisterContacts":
      return refusal === null ? register(state, command, at) : refuse(refusal);
    case "AdmitRequest":
      // Who is not believed learns nothing of who exists.
      return refuse(refusal ?? answered(isKnown(routed) ? 200 : 404));
    case "AuthenticateRequest":
      return refuse(
        refusal ??
          (routed === null
            ? answered(403)
            : { ...routed, _tag: "Authenticated", display: state.display }),
      );
    case "LookUpContacts":
      return refuse({
        _tag: "Contacts",
        known: state.provisioned,
        display: state.display,
        bindings: live(state, at),
      });
    case "ProvisionUser": {
      const { _tag, ...provision } = command;
      return { events: [{ _tag: "UserProvisioned", at, ...provision }], reply: done };
    }
    case "RemoveUser":
      return {
        events: state.provisioned ? [{ _tag: "UserRemoved", at }] : [],
        reply: done,
      };
  }
};

const isKnown = (routed: Extract<Command, { _tag: "Wire" }>["routed"]): boolean =>
  routed !== null && routed.destination._tag !== "Unknown";

const done: Reply = { _tag: "Accepted" };

type Unbound = Extract<UserEvent, { _tag: "ContactUnbound" }>;

const unbound = (
  { uri, key, instance, regId }: Binding,
  at: number,
  reason: Unbound["reason"],
): Unbound => ({ _tag: "ContactUnbound", at, uri, key, instance, regId, reason });

const expire = (state: State, at: number, generation: number): Outcome => ({
  events: generation === nextExpiry(state)
    ? state.bindings
      .filter(({ expiresAt }) => expiresAt <= at)
      .map((binding) => unbound(binding, at, "expired"))
    : [],
  reply: done,
});

/** Seconds that a contact asks for. */
const wanted = (contact: Contact, command: Register): number =>
  contact.expires ?? command.expires ?? expiry.usual;

const register = (state: State, command: Register, at: number): Outcome => {
  const bindings = live(state, at);
  const problem = check(bindings, command);
  if (problem !== undefined) return refuse(problem);
  const removed = command.all
    ? bindings
    : bindings.filter((binding) =>
      command.contacts.some((contact) => same(contact, binding) && wanted(contact, command) === 0)
    );
  const events: Array<UserEvent> = removed.map((binding) => unbound(binding, at, "unregistered"));
  let held = events.reduce(fold, state.bindings);
  for (const contact of command.contacts) {
    const seconds = wanted(contact, command);
    if (seconds === 0) continue;
    const binding = bind(contact, seconds, command, at);
    const known = held.filter((other) => same(other, binding));
    const before = known.find(({ expiresAt }) => expiresAt > at);
    if (before !== undefined && !isWorthARecord(before, binding)) continue;
    const moved = known.filter(({ uri, instance, regId }) =>
      uri !== binding.uri || instance !== binding.instance || regId !== binding.regId
    );
    const made: ReadonlyArray<UserEvent> = [
      ...moved.map((other) => unbound(other, at, "replaced")),
      { _tag: "ContactBound", at, binding },
    ];
    events.push(...made);
    held = made.reduce(fold, held);
  }
  const after = held.filter(({ expiresAt }) => expiresAt > at);
  if (after.length > Math.max(state.maxBindings, bindings.length)) {
    return refuse(answered(403, [], "Too Many Contacts"));
  }
  return { events, reply: registered(after, command, at) };
};

const check = (
  bindings: ReadonlyArray<Binding>,
  command: Register,
): Reply | undefined => {
  if (command.all && (command.contacts.length > 0 || command.expires !== 0)) {
    return answered(400, [], "Contact * Needs Expires 0");
  }
  const tooBrief = command.contacts.some((contact) => {
    const seconds = wanted(contact, command);
    return seconds > 0 && seconds < expiry.least;
  });
  if (tooBrief) return answered(423, [["Min-Expires", String(expiry.least)]]);
  // RFC 3261 10.3 step 7: of two requests of one registration, the later one counts.
  const late = bindings.some((binding) =>
    binding.callId === command.callId && command.cseq <= binding.cseq &&
    (command.all || command.contacts.some((contact) => same(contact, binding)))
  );
  if (late) return answered(400, [], "CSeq Out Of Order");
  return undefined;
};

const bind = (contact: Contact, seconds: number, command: Register, at: number): Binding => {
  const { source } = command.identity;
  const most = command.natted && source.transport === "udp" ? expiry.natted : expiry.most;
  const { expires: _asked, ...rest } = contact;
  return {
    ...rest,
    since: at,
    expiresAt: at + Math.min(seconds, most) * 1_000,
    path: command.path,
    flow: source,
    natted: command.natted,
    callId: command.callId,
    cseq: command.cseq,
    userAgent: command.userAgent,
  };
};

/**
 * A refresh is journalled when it gains a third of its interval or changes the way to the phone.
 * Otherwise the phone is told the time that the journal has: no promise rests on memory alone.
 */
const isWorthARecord = (before: Binding, after: Binding): boolean => {
  const gained = after.expiresAt - before.expiresAt;
  const interval = after.expiresAt - after.since;
  return gained * 3 >= interval || gained < 0 ||
    before.uri !== after.uri || before.q !== after.q || before.natted !== after.natted ||
    JSON.stringify([before.flow, before.path]) !== JSON.stringify([after.flow, after.path]);
};

const registered = (
  bindings: ReadonlyArray<Binding>,
  command: Register,
  at: number,
): Reply => ({
  _tag: "Registered",
  contacts: bindings.map(({ uri, expiresAt, q }) => ({
    uri,
    q,
    expiresIn: Math.ceil((expiresAt - at) / 1_000),
  })),
  path: command.path,
});

/** Folds an event into a list of bindings. */
export const fold = (
  bindings: ReadonlyArray<Binding>,
  event: UserEvent,
): ReadonlyArray<Binding> => {
  if (event._tag === "ContactUnbound") {
    const { instance, key, regId = null } = event;
    // Two phones behind two routers may have one URI: they differ by instance.
    return bindings.filter((binding) =>
      binding.key !== key ||
      (instance !== undefined && (binding.instance !== instance || binding.regId !== regId))
    );
  }
  if (event._tag !== "ContactBound") return bindings;
  return [...bindings.filter((binding) => !same(binding, event.binding)), event.binding];
};
