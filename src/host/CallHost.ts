/** Binds the call decider to the runtime: who calls, where it leads, ports, tags. */
import { Effect, Schema } from "effect";
import type { CallCommand } from "../../schemas/Call.ts";
import { CallEvent } from "../../schemas/CallEvent.ts";
import type { HostEffect } from "../../schemas/Effect.ts";
import type { Addressed } from "../../schemas/Envelope.ts";
import { tenantActor, userActor } from "../../schemas/Ids.ts";
import { maxNumber, type Party } from "../../schemas/Party.ts";
import { answered, type Reply } from "../../schemas/Reply.ts";
import type { Behaviour, Input, Prepared, StampContext } from "../actor/Behaviour.ts";
import { deadlineOf, decider, isOver } from "../call/Call.ts";
import type { AddTargets, Command, MediaFacts, Minted, OfferFacts } from "../call/Command.ts";
import { confirms } from "../call/Effects.ts";
import * as Media from "../call/Media.ts";
import { isAnotherFork, isPending, type State } from "../call/State.ts";
import * as RoutingTag from "../kernel/RoutingTag.ts";
import * as Text from "../kernel/Text.ts";
import { type Address, ask } from "./Address.ts";
import * as Targets from "./Targets.ts";

export interface Config {
  readonly address: Address;
  readonly random: (size: number) => Uint8Array;
  readonly routing: RoutingTag.RoutingKeys;
  /** The media worker of this core. */
  readonly media: Targets.Media;
}

type Authenticated = Extract<Reply, { _tag: "Authenticated" }>;
type Offer = Extract<CallCommand, { _tag: "OfferCall" }>;
type OfMedia = Extract<CallCommand, { _tag: "OfferMedia" | "ReportAnswer" }>;

interface Prep {
  readonly facts: OfferFacts | null;
  readonly relay: MediaFacts;
}

const reply = (given: Reply): Prepared => ({ _tag: "Reply", reply: given });

const tokenOf = (actor: string): string => actor.slice("call/".length);

/** The caller; undefined when it may not call under this name. */
const callerOf = ({ caller, identity }: Offer, who: Authenticated): Party | undefined => {
  const { display, trunk } = who;
  const { user } = caller;
  if (trunk !== null) {
    return { _tag: "Trunk", trunk: trunk.id, number: user, display: caller.display };
  }
  // Whoever signs in as one user speaks for no other.
  return identity.digest?.username === user
    ? { _tag: "User", extension: user, display }
    : undefined;
};

/** What no journal and no Request-URI of ours could hold (RFC 3261 section 8.1.1.1). */
const isTooLong = (number: string): boolean => Text.escapeUser(number).length > maxNumber;

/** Everything that must be known before a call can be decided on. */
const prepareOffer = Effect.fnUntraced(
  function* (config: Config, envelope: Addressed, offer: Offer) {
    const { address } = config;
    const { id, tenant } = envelope;
    const { identity, sdp } = offer;
    const user = userActor(tenant, identity.digest?.username ?? identity.fromUser);
    const question = { _tag: "AuthenticateRequest", identity } as const;
    const who = yield* ask(address, tenant, user, `${id}/who`, question);
    if (who === undefined) return reply({ _tag: "Overloaded", retryAfterMs: 5_000 });
    if (who._tag !== "Authenticated") return reply(who);
    const caller = callerOf(offer, who);
    if (caller === undefined) return reply(answered(403));
    const dialled = identity.requestUser;
    if (isTooLong(dialled)) return reply(answered(414));
    if (isTooLong(offer.caller.user)) return reply(answered(400, [], "From Is Too Long"));
    const { destination, policy } = who;
    const { source } = identity;
    const found = yield* Targets.find(address, tenant, id, dialled, destination, source);
    const { feature, targets, unknown } = found;
    const facts: OfferFacts = {
      policy,
      caller,
      dialled,
      refusal: unknown ? { status: 404, cause: "notFound" } : null,
      targets,
      feature,
    };
    const slots = [0, ...targets.map((_, n) => n + 1)];
    const wanted = feature !== null || targets.length > 0;
    const relay = wanted && policy.exceptions.includes("plainMedia")
      ? yield* Targets.reserve(
        address,
        config.media,
        tokenOf(envelope.actor),
        slots,
        Media.streamsOf(sdp),
      )
      : null;
    return { _tag: "Proceed", facts: { facts, relay } satisfies Prep } as Prepared;
  },
);

/** A description with more streams than the relay has ports for. */
const prepareMedia = (
  config: Config,
  envelope: Addressed,
  state: State | undefined,
  { sdp }: OfMedia,
): Effect.Effect<Prepared> | undefined => {
  const relay = state?.relay;
  if (state === undefined || relay === null || relay === undefined || sdp === null) {
    return undefined;
  }
  const streams = Media.streamsOf(sdp);
  const held = new Set(relay.ports.map(({ stream }) => stream));
  if (streams.every((stream) => held.has(stream))) return undefined;
  const slots = [...new Set(relay.ports.map(({ leg }) => leg))];
  const all = [...new Set([...held, ...streams])];
  const { actor } = envelope;
  return Effect.map(
    Targets.reserve(config.address, config.media, tokenOf(actor), slots, all),
    (more): Prepared => ({ _tag: "Proceed", facts: { facts: null, relay: more } satisfies Prep }),
  );
};

/** Where the party of a leg is now: a question, which changes nothing. */
const findFlow = (
  config: Config,
  { id, tenant }: Addressed,
  state: State | undefined,
  { contact, leg: number }: Extract<CallCommand, { _tag: "FindFlow" }>,
): Effect.Effect<Prepared> => {
  const leg = state?.legs[number];
  const gone = leg?.hop.flow ?? null;
  if (leg === undefined || leg.party._tag !== "User" || gone === null) {
    return Effect.succeed(reply({ _tag: "FlowFound", flow: null }));
  }
  const { party, target } = leg;
  const user = userActor(tenant, party.extension);
  const question = { _tag: "LookUpContacts" } as const;
  return Effect.map(
    ask(config.address, tenant, user, `${id}/contacts`, question),
    (contacts) => {
      const bindings = contacts?._tag === "Contacts" ? contacts.bindings : [];
      const flow = Targets.flowOf(bindings, gone, { target, contact });
      return reply({ _tag: "FlowFound", flow });
    },
  );
};

const prepare = (
  config: Config,
  envelope: Addressed,
  state: State | undefined,
): Effect.Effect<Prepared> | undefined => {
  const command = envelope.command as CallCommand;
  switch (command._tag) {
    case "OfferCall":
      // The same INVITE over another way (RFC 3261 section 8.2.2.2); its nonce count was used.
      return state === undefined || state.phase === "idle"
        ? prepareOffer(config, envelope, command)
        : Effect.succeed(reply(answered(482)));
    case "OfferMedia":
    case "ReportAnswer":
      return prepareMedia(config, envelope, state, command);
    case "FindFlow":
      return findFlow(config, envelope, state, command);
    default:
      return undefined;
  }
};

/** How many legs a command can start. */
const legsOf = (state: State, input: Input<CallCommand | AddTargets>): number => {
  if (input._tag === "DeadlinePassed") {
    return input.deadline.name === "recover" ? state.legs.filter(isPending).length : 0;
  }
  const { command } = input;
  if (command._tag === "AddTargets") return command.targets.length;
  if (command._tag === "ReportProgress" || command._tag === "ReportAnswer") {
    const leg = state.legs[command.leg];
    return leg !== undefined && isAnotherFork(leg, command) ? 1 : 0;
  }
  return (input.facts as Prep | undefined)?.facts?.targets.length ?? 0;
};

const stamp = (
  config: Config,
  { actor, at, shard }: StampContext,
  state: State,
  input: Input<CallCommand | AddTargets>,
): Command => {
  const call = tokenOf(actor);
  const mint = (leg: number, fork: boolean): string =>
    RoutingTag.mint(config.routing, { ...shard, call, leg, fork }, config.random(5));
  const first = Math.max(1, state.legs.length);
  const tag = input._tag === "Command" && input.command._tag === "OfferCall" ? mint(0, false) : "";
  const minted = Array.from({ length: legsOf(state, input) }, (_, n): Minted => {
    const own = mint(first + n, false);
    // The first fork of a call may show itself under the tag that its answer would have anyway.
    return { callId: own, tag: own, forkTag: tag !== "" && n === 0 ? tag : mint(first + n, true) };
  });
  const common = { at, tag, minted };
  if (input._tag === "DeadlinePassed") {
    const { generation, name } = input.deadline;
    return { ...common, _tag: "DeadlinePassed", name, generation };
  }
  const { command, facts } = input;
  if (command._tag === "AddTargets") return { ...common, _tag: "Targets", command };
  const { facts: offered = null, relay = null } = (facts as Prep | undefined) ?? {};
  return command._tag === "OfferCall"
    ? { ...common, _tag: "Offer", command, facts: offered!, relay }
    : { ...common, _tag: "Wire", command, relay };
};

/** Looks up where a redirection leads: each user part as if it were dialled. */
const redirect = Effect.fnUntraced(
  function* (config: Config, actor: string, tenant: string, effect: HostEffect, state: State) {
    const { address } = config;
    const { relay: held } = state;
    const from = state.legs[0]?.hop.flow;
    if (from === null || from === undefined) return undefined;
    const { depth, leg, slots, users } = effect;
    const targets: Array<Targets.Found["targets"][number]> = [];
    for (const [n, dialled] of users.entries()) {
      if (isTooLong(dialled)) continue;
      const id = `${actor}/${leg}/${depth}/${n}`;
      const question = { _tag: "AskTenant", source: "", username: null, dialled } as const;
      const routed = yield* ask(address, tenant, tenantActor(tenant), id, question);
      if (routed?._tag !== "Routed") continue;
      const found = yield* Targets.find(address, tenant, id, dialled, routed.destination, from);
      targets.push(...found.targets);
    }
    const used = slots.slice(0, targets.length);
    // With the ports that the call has: the relay of the command takes the place of the one before.
    const all = new Set([...held?.ports.map(({ leg }) => leg) ?? [], ...used]);
    const streams = new Set(held?.ports.map(({ stream }) => stream) ?? [0]);
    const relay = used.length === 0
      ? null
      : yield* Targets.reserve(address, config.media, tokenOf(actor), [...all], [...streams]);
    const command: AddTargets = {
      _tag: "AddTargets",
      leg,
      depth,
      slots: used,
      targets: targets.slice(0, slots.length),
      relay,
    };
    return command;
  },
);

const decodeEvent = Schema.decodeUnknownSync(CallEvent);

export const make = (
  config: Config,
): Behaviour<State, CallCommand | AddTargets, Command, CallEvent> => ({
  kind: "call",
  decider,
  decodeEvent,
  broadcast: (event) => event,
  prepare: (envelope, state) => prepare(config, envelope, state),
  stamp: (context, state, input) => stamp(config, context, state, input),
  deadlineOf,
  confirms,
  isOver,
  perform: ({ actor, effect, state, tenant }) =>
    effect.body._tag === "FindTargets"
      ? redirect(config, actor, tenant, effect.body, state)
      : Effect.succeed(undefined),
});
