/** The call actor: a back-to-back user agent as a decider. */
import type { CallEvent } from "../../schemas/CallEvent.ts";
import type { Effect } from "../../schemas/Effect.ts";
import type { Reply } from "../../schemas/Reply.ts";
import type { Decider } from "../kernel/Decider.ts";
import type { Command } from "./Command.ts";
import { decide } from "./Decide.ts";
import { effectsOf } from "./Effects.ts";
import { evolve } from "./Evolve.ts";
import { initial, isPending, type State } from "./State.ts";

export const decider: Decider<State, Command, CallEvent, Reply, Effect> = {
  initial,
  decide,
  evolve,
  effectsOf,
};

/** The next thing that time does to this call. */
export const deadlineOf = (
  state: State,
): { readonly name: string; readonly at: number; readonly generation: number } | undefined => {
  const { limits } = state.policy;
  if (state.phase === "up") {
    return { name: "duration", at: (state.answeredAt ?? 0) + limits.maxCallMs, generation: 0 };
  }
  if (state.phase !== "setup") return undefined;
  if (state.legs.some((leg) => isPending(leg) && leg.stranded)) {
    return { name: "recover", at: state.strandedAt, generation: state.strandedAt };
  }
  return { name: "ring", at: state.startedAt + limits.ringMs, generation: 0 };
};

export const isOver = ({ phase }: State): boolean => phase === "ended";
