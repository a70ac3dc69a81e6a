/** Runs a random life of a call, and then time until nothing more can happen to it. */
import type { CallEvent } from "../../schemas/CallEvent.ts";
import type { Effect, HostEffect } from "../../schemas/Effect.ts";
import type { Reply } from "../../schemas/Reply.ts";
import { decider } from "../../src/call/Call.ts";
import type { Command } from "../../src/call/Command.ts";
import type { State } from "../../src/call/State.ts";
import type { Decider } from "../../src/kernel/Decider.ts";
import * as Model from "./CallModel.ts";
import * as Laws from "./Laws.ts";

/** Commands, and the one event that a shard brings by itself. */
export type Step =
  | Command
  | { readonly _tag: "EdgeLost"; readonly at: number; readonly edge: string };

export type Turn = Laws.Turn<State, Step, CallEvent, Reply, Effect>;

const withEdges: Decider<State, Step, CallEvent, Reply, Effect> = {
  ...decider,
  decide: (state, step) =>
    step._tag === "EdgeLost"
      ? { events: [{ ...step, incarnation: `boot${step.at}` }], reply: { _tag: "Accepted" } }
      : decider.decide(state, step),
};

export interface Life {
  readonly beginning: Model.Beginning;
  readonly moves: ReadonlyArray<Model.Move>;
}

const beginsAt = 1_000_000;
/** Lookups that are answered and deadlines that pass until every call is over. */
const closing = 8;

export const live = ({ beginning, moves }: Life, watch: (turn: Turn) => void = () => {}) => {
  let last: Step | undefined;
  let lookups: ReadonlyArray<HostEffect> = [];
  const stepOf = (state: State, step: number, at: number): Step | undefined => {
    if (step === 0) return Model.offerOf(beginning, at);
    const move = moves[step - 1];
    if (move?.kind === "edgeLost") {
      return { _tag: "EdgeLost", at, edge: move.salt % 2 === 0 ? "e1" : "e2" };
    }
    if (move?.kind === "twice") return last === undefined ? undefined : { ...last, at };
    if (move?.kind === "targets" || (move === undefined && state.lookups > 0)) {
      return Model.added(lookups[0], move?.salt ?? 0, at, step);
    }
    return move === undefined ? Model.passed(state, at, step) : Model.commandOf(state, move, step);
  };
  return Laws.run(
    withEdges,
    (state, step): Step | undefined => {
      const next = stepOf(state, step, beginsAt + step * 1_000);
      last = next ?? last;
      return next;
    },
    1 + moves.length + closing,
    (turn) => {
      const { command, effects } = turn;
      if (command._tag === "Targets") {
        const { leg } = command.command;
        lookups = lookups.filter((lookup) => lookup.leg !== leg);
      }
      const asked = effects.flatMap(({ body }) => body._tag === "FindTargets" ? [body] : []);
      lookups = [...lookups, ...asked];
      watch(turn);
    },
  );
};
