/**
 * The smallest actor that uses all of the runtime: a sum, a deadline, effects, an end, and defects
 * on demand.
 */
import { Effect } from "effect";
import type { Effect as ActorEffect } from "../../schemas/Effect.ts";
import { accepted, answered, type Reply } from "../../schemas/Reply.ts";
import * as Behaviour from "../../src/actor/Behaviour.ts";
import type { Decider, Decision } from "../../src/kernel/Decider.ts";

export type Command =
  | { readonly _tag: "Add"; readonly n: number; readonly pad?: string }
  /** A query: its reply tells the whole state. */
  | { readonly _tag: "Look" }
  | { readonly _tag: "Refuse" }
  | {
    readonly _tag: "Emit";
    readonly slot: string;
    readonly to?: "edge" | "media" | "host";
    readonly standing?: boolean;
  }
  | { readonly _tag: "Prove"; readonly slot: string }
  | { readonly _tag: "Arm"; readonly delayMs: number }
  | { readonly _tag: "Disarm" }
  | { readonly _tag: "End" }
  /** A defect in `decide`, in `evolve` of what it decided, in `deadlineOf` of the new state. */
  | { readonly _tag: "Break"; readonly where: "decide" | "evolve" | "deadline" }
  /** After this the next EdgeLost cannot be folded. */
  | { readonly _tag: "Weaken" };

type Stamped =
  | { readonly _tag: "Wire"; readonly at: number; readonly command: Command }
  | { readonly _tag: "Passed"; readonly at: number; readonly generation: number };

export type Event =
  | { readonly _tag: "Added"; readonly at: number; readonly n: number; readonly pad?: string }
  | Extract<Command, { readonly _tag: "Emit" | "Prove" | "Disarm" | "End" | "Weaken" }>
  | { readonly _tag: "Armed"; readonly at: number; readonly until: number }
  | { readonly _tag: "Fired"; readonly at: number }
  | { readonly _tag: "Broken"; readonly where: string }
  | { readonly _tag: "EdgeLost"; readonly edge: string; readonly at: number };

export interface State {
  readonly sum: number;
  readonly pad: string;
  readonly ats: ReadonlyArray<number>;
  readonly until: number | null;
  readonly generation: number;
  readonly fired: number;
  readonly lost: number;
  readonly isOver: boolean;
  readonly isWeak: boolean;
  readonly deadlineBroken: boolean;
}

const initial: State = {
  sum: 0,
  pad: "",
  ats: [],
  until: null,
  generation: 0,
  fired: 0,
  lost: 0,
  isOver: false,
  isWeak: false,
  deadlineBroken: false,
};

const decideWire = (state: State, at: number, command: Command): Decision<Event, Reply> => {
  const took = (event: Event, reply: Reply = accepted) => ({ events: [event], reply });
  switch (command._tag) {
    case "Add": {
      const { _tag, ...rest } = command;
      return took({ _tag: "Added", at, ...rest }, answered(200, [], `${state.sum + command.n}`));
    }
    case "Look":
      return { events: [], reply: answered(200, [], JSON.stringify(state)) };
    case "Refuse":
      return { events: [], reply: answered(400, [], `${state.sum}`) };
    case "Arm":
      return took({ _tag: "Armed", at, until: at + command.delayMs });
    case "Break":
      if (command.where === "decide") throw new Error("a defect in decide");
      return {
        events: [
          { _tag: "Added", at, n: 100 },
          { _tag: "Emit", slot: "never:0" },
          { _tag: "Broken", where: command.where },
        ],
        reply: accepted,
      };
    default:
      return took(command);
  }
};

const evolve = (state: State, event: Event): State => {
  switch (event._tag) {
    case "Added":
      return {
        ...state,
        sum: state.sum + event.n,
        pad: state.pad + (event.pad ?? ""),
        ats: [...state.ats, event.at],
      };
    case "Armed":
      return { ...state, until: event.until, generation: state.generation + 1 };
    case "Disarm":
      return { ...state, until: null };
    case "Fired":
      return { ...state, until: null, fired: state.fired + 1, ats: [...state.ats, event.at] };
    case "End":
      return { ...state, isOver: true, until: null };
    case "Weaken":
      return { ...state, isWeak: true };
    case "EdgeLost":
      if (state.isWeak && !healed.has("evolve")) throw new Error("a defect in EdgeLost");
      return { ...state, lost: state.lost + 1 };
    case "Broken":
      if (event.where === "evolve") throw new Error("a defect in evolve");
      return { ...state, deadlineBroken: true };
    default:
      return state;
  }
};

/** What a newer version has mended. */
export const healed = new Set<"evolve">();

export const decider: Decider<State, Stamped, Event, Reply, ActorEffect> = {
  initial,
  decide: (state, stamped) => {
    if (stamped._tag === "Wire") return decideWire(state, stamped.at, stamped.command);
    const isStale = state.until === null || stamped.generation !== state.generation;
    return isStale
      ? { events: [], reply: accepted }
      : { events: [{ _tag: "Fired", at: stamped.at }], reply: accepted };
  },
  evolve,
  effectsOf: (_before, event, after) => {
    if (event._tag !== "Emit") return [];
    const performer = event.to === "host"
      ? { _tag: "Host" as const }
      : event.to === "media"
      ? { _tag: "Media" as const, id: "m1" }
      : { _tag: "Edge" as const, id: "e1" };
    const body = { _tag: "Tell", slot: event.slot, sum: after.sum };
    return [{
      performer,
      slot: event.slot,
      body: body as unknown as ActorEffect["body"],
      standing: event.standing ?? false,
    }];
  },
};

export const behaviour = Behaviour.erase<State, Command, Stamped, Event>({
  kind: "call",
  decider,
  decodeEvent: (json) => json as Event,
  broadcast: ({ at, edge }) => ({ _tag: "EdgeLost", at, edge }),
  prepare: () => undefined,
  stamp: ({ at }, _state, input) =>
    input._tag === "DeadlinePassed"
      ? { _tag: "Passed", at, generation: input.deadline.generation }
      : { _tag: "Wire", at, command: input.command },
  deadlineOf: ({ deadlineBroken, generation, until }) => {
    if (deadlineBroken) throw new Error("a defect in deadlineOf");
    return until === null ? undefined : { name: "timer", at: until, generation };
  },
  confirms: (_before, event) => event._tag === "Prove" ? [event.slot] : [],
  isOver: ({ isOver }) => isOver,
  perform: ({ effect }) => Effect.succeed<Command>({ _tag: "Prove", slot: effect.slot }),
});
