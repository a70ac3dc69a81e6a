/**
 * What the runtime must know of an actor kind besides its decider. The host makes one for each
 * kind; the runtime knows no domain.
 */
import type { Effect as Fx } from "effect";
import type { Effect } from "../../schemas/Effect.ts";
import type { Addressed } from "../../schemas/Envelope.ts";
import type { ActorId, ActorKind, Epoch, TenantId } from "../../schemas/Ids.ts";
import type { Reply } from "../../schemas/Reply.ts";
import type { ShardRef } from "../journal/Journal.ts";
import type { Decider } from "../kernel/Decider.ts";

/** A journalled deadline: firing it is a command, and a stale generation is ignored. */
export interface Deadline {
  readonly name: string;
  readonly at: number;
  readonly generation: number;
}

export interface StampContext {
  readonly at: number;
  readonly actor: ActorId;
  readonly tenant: TenantId;
  readonly shard: ShardRef;
  readonly epoch: Epoch;
}

/** What is to be decided: a command of the wire with its facts, or one of the runtime's own. */
export type Input<Command> =
  | { readonly _tag: "Command"; readonly command: Command; readonly facts: unknown }
  | { readonly _tag: "DeadlinePassed"; readonly deadline: Deadline };

/** The outcome of gathering facts: go on, or answer without touching the actor. */
export type Prepared =
  | { readonly _tag: "Proceed"; readonly facts: unknown }
  | { readonly _tag: "Reply"; readonly reply: Reply };

export interface Behaviour<State, Command, Stamped, Event> {
  readonly kind: ActorKind;
  readonly decider: Decider<State, Stamped, Event, Reply, Effect>;
  /** Upcasts and checks a journalled event; throws on one that this version cannot know. */
  readonly decodeEvent: (json: unknown) => Event;
  /** The shape that an event of the shard has for this kind, if it concerns it. */
  readonly broadcast: (event: ShardBroadcast) => Event | undefined;
  /** Asks other actors and workers, before the turn; undefined when there is nothing to ask. */
  readonly prepare: (
    envelope: Addressed,
    state: State | undefined,
  ) => Fx.Effect<Prepared> | undefined;
  /** Synchronous, in the turn: time, minted ids, checks against the state. */
  readonly stamp: (context: StampContext, state: State, input: Input<Command>) => Stamped;
  readonly deadlineOf: (state: State) => Deadline | undefined;
  /** Slots whose pending effects this event proves to be performed, or makes pointless. */
  readonly confirms: (before: State, event: Event) => ReadonlyArray<string>;
  /** Nothing more can happen: the actor is forgotten once its effects and replies are. */
  readonly isOver: (state: State) => boolean;
  /** Carries out an effect whose performer is the host; the result is a command to the actor. */
  readonly perform: (
    context: {
      readonly actor: ActorId;
      readonly tenant: TenantId;
      readonly effect: Effect;
      readonly state: State;
    },
  ) => Fx.Effect<Command | undefined>;
}

/** Something that happened to all actors of a shard at once. */
export interface ShardBroadcast {
  readonly _tag: "EdgeLost";
  readonly at: number;
  readonly edge: string;
  readonly incarnation: string;
}

/** A behaviour whose types only its own kind knows. */
export type AnyBehaviour = Behaviour<unknown, unknown, unknown, unknown>;

/** The runtime passes back to a behaviour only what that behaviour gave it. */
export const erase = <State, Command, Stamped, Event>(
  behaviour: Behaviour<State, Command, Stamped, Event>,
): AnyBehaviour => behaviour as unknown as AnyBehaviour;
