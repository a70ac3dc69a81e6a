/** Binds the user decider to the runtime: asks the tenant, checks the digest answer. */
import { Effect, Schema } from "effect";
import type { Addressed } from "../../schemas/Envelope.ts";
import { tenantActor } from "../../schemas/Ids.ts";
import { answered, type Reply } from "../../schemas/Reply.ts";
import type { RequestIdentity } from "../../schemas/Sip.ts";
import { type UserCommand, UserEvent } from "../../schemas/User.ts";
import type { Behaviour, Prepared, StampContext } from "../actor/Behaviour.ts";
import { type Command, nextExpiry, type State } from "../user/State.ts";
import { decider } from "../user/User.ts";
import type * as Address from "./Address.ts";
import { ask } from "./Address.ts";
import * as Authentication from "./Authentication.ts";
import * as Nonce from "./Nonce.ts";

type Routed = Extract<Reply, { _tag: "Routed" }>;

export interface Config {
  readonly address: Address.Address;
  readonly random: (size: number) => Uint8Array;
  readonly nonceKey: Uint8Array;
}

const unavailable: Reply = { _tag: "Overloaded", retryAfterMs: 5_000 };

const identityOf = (command: UserCommand): RequestIdentity | undefined =>
  "identity" in command ? command.identity : undefined;

/** What the tenant says of a request, and whether it needs a digest answer at all. */
const prepare = (
  config: Config,
  envelope: Addressed,
): Effect.Effect<Prepared> | undefined => {
  const command = envelope.command as UserCommand;
  const identity = identityOf(command);
  if (identity === undefined) return undefined;
  const { id, tenant } = envelope;
  const question = {
    _tag: "AskTenant",
    source: identity.source.remote.ip,
    username: identity.digest?.username ?? null,
    dialled: command._tag === "RegisterContacts" ? null : identity.requestUser,
  } as const;
  return Effect.map(
    ask(config.address, tenant, tenantActor(tenant), `${id}/tenant`, question),
    (routed): Prepared => {
      if (routed?._tag === "Unprovisioned") return reply(answered(404));
      if (routed?._tag !== "Routed") return reply(unavailable);
      if (Authentication.isTooPlain(identity, routed.policy)) {
        return reply(answered(403, [], "Secure Transport Required"));
      }
      return { _tag: "Proceed", facts: routed };
    },
  );
};

const reply = (given: Reply): Prepared => ({ _tag: "Reply", reply: given });

/** A trunk is known by its source address; REGISTER is never a trunk's. */
const isTrunkSource = (command: UserCommand, { trunk }: Routed): boolean =>
  command._tag !== "RegisterContacts" && trunk !== null &&
  trunk.address.ip === identityOf(command)?.source.remote.ip;

const stamp = (
  secrets: Authentication.Secrets,
  { actor, at, epoch, shard }: StampContext,
  state: State,
  command: UserCommand,
  facts: unknown,
): Command => {
  const identity = identityOf(command);
  if (identity === undefined) return { _tag: "Wire", at, command, refusal: null, routed: null };
  const routed = facts as Routed;
  const { policy } = routed;
  const context = {
    at,
    policy,
    binding: { realm: policy.domain, shard: shard.shard, epoch },
  };
  const refusal = isTrunkSource(command, routed)
    ? null
    : Authentication.refusalOf(secrets, context, state.ha1, identity) ??
      stranger(command, identity, actor);
  return { _tag: "Wire", at, command, refusal, routed };
};

/** Nobody registers or speaks for somebody else. */
const stranger = (
  command: UserCommand,
  identity: RequestIdentity,
  actor: string,
): Reply | null => {
  const extension = actor.slice(actor.indexOf("/", 5) + 1);
  const claimed = command._tag === "RegisterContacts" ? identity.toUser : identity.fromUser;
  return claimed === extension || command._tag === "AuthenticateRequest" ? null : answered(403);
};

const decodeEvent = Schema.decodeUnknownSync(UserEvent);

export const make = (
  config: Config,
): Behaviour<State, UserCommand, Command, UserEvent> => {
  const secrets: Authentication.Secrets = {
    key: config.nonceKey,
    counts: Nonce.counts(),
    random: config.random,
  };
  return {
    kind: "user",
    decider,
    decodeEvent,
    broadcast: (event) => event,
    prepare: (envelope) => prepare(config, envelope),
    stamp: (context, state, input) =>
      input._tag === "DeadlinePassed"
        ? { _tag: "DeadlinePassed", at: context.at, generation: input.deadline.generation }
        : stamp(secrets, context, state, input.command, input.facts),
    deadlineOf: (state) => {
      const at = nextExpiry(state);
      return at === undefined ? undefined : { name: "expiry", at, generation: at };
    },
    confirms: () => [],
    isOver: (state) => !state.provisioned && state.bindings.length === 0,
    perform: () => Effect.succeed(undefined),
  };
};
