/** The call actor: a back-to-back user agent as a decider. */
import type { CallEvent } from "../../schemas/CallEvent.ts";
import type { Effect } from "../../schemas/Effect.ts";
import type { Reply } from "../../schemas/Reply.ts";
import type { Decider } from "../kernel/Decider.ts";
import type { Command } from "./Command.ts";
import { decide } from "./Decide.ts";
import { effectsOf } from "./Effects.ts";
import { evolve } from "./Evolve.ts";
import { initial, type State } from "./State.ts";

export { deadlineOf } from "./State.ts";

export const decider: Decider<State, Command, CallEvent, Reply, Effect> = {
  initial,
  decide,
  evolve,
  effectsOf,
};

export const isOver = ({ phase }: State): boolean => phase === "ended";
