/** What a call makes of a command: one place per command, the rest is in `Setup` and `Midcall`. */
import type { CallEvent } from "../../schemas/CallEvent.ts";
import { answered, type Reply } from "../../schemas/Reply.ts";
import type { Decision } from "../kernel/Decider.ts";
import type { Command } from "./Command.ts";
import * as Midcall from "./Midcall.ts";
import * as Setup from "./Setup.ts";
import { deadlineOf, type Leg, type State } from "./State.ts";

type Outcome = Decision<CallEvent, Reply>;
type Wire = Extract<Command, { _tag: "Wire" }>;

export const decide = (state: State, input: Command): Outcome => {
  switch (input._tag) {
    case "Offer":
      return Setup.offer(state, input);
    case "Targets":
      return Setup.targets(state, input);
    case "DeadlinePassed":
      return deadline(state, input);
    case "Wire":
      return wire(state, input);
  }
};

const deadline = (
  state: State,
  input: Extract<Command, { _tag: "DeadlinePassed" }>,
): Outcome => {
  const due = deadlineOf(state);
  if (due?.name !== input.name || due.generation !== input.generation) return Setup.nothing;
  switch (input.name) {
    case "ring":
      return Setup.ringOut(state, input.at);
    case "recover":
      return Setup.recover(state, input);
    case "media":
      return Midcall.cancelMedia(state, input.at, null);
    case "duration":
      return Midcall.expire(state, input.at);
    default:
      return Setup.nothing;
  }
};

/** A call that nobody here knows (any more). */
const unknown: Outcome = Setup.reply(answered(481));

const wire = (state: State, input: Wire): Outcome => {
  const { at, command } = input;
  if (command._tag === "CancelCall") {
    return state.phase === "idle" ? unknown : Setup.cancel(state, command.reason, at);
  }
  const leg = state.legs[command.leg];
  if (leg === undefined) return unknown;
  switch (command._tag) {
    case "OfferMedia":
    case "EndLeg":
    case "ProbeLeg": {
      const misplaced = Midcall.misplaced(leg, command);
      return misplaced === undefined ? request(state, leg, input) : Setup.reply(misplaced);
    }
    case "CancelMedia":
      return Midcall.cancelMedia(state, at, command);
    case "ConfirmAnswer":
      return Midcall.confirm(state, leg, command, at);
    case "ReportAckTimeout":
      return Midcall.unacknowledged(state, leg, at);
    default:
      return report(state, leg, input);
  }
};

const request = (state: State, leg: Leg, input: Wire): Outcome => {
  const { at, command } = input;
  switch (command._tag) {
    case "OfferMedia":
      return Midcall.offerMedia(state, leg, input, command);
    case "EndLeg":
      return Midcall.endLeg(state, leg, command, at);
    default:
      return Midcall.probe(leg);
  }
};

const report = (state: State, leg: Leg, input: Wire): Outcome => {
  const { at, command, minted, relay } = input;
  // We send the caller nothing but re-INVITEs; an answer to one may come after the end.
  if (leg.id === 0 && state.exchange?.to !== 0 && state.phase !== "ended") return Setup.nothing;
  switch (command._tag) {
    case "ReportProgress":
      return Setup.progress(state, leg, command, { at, minted });
    case "ReportAnswer": {
      const exchange = Midcall.exchangeOf(state, leg, command.cseq);
      return exchange === undefined
        ? Setup.answer(state, leg, command, { at, minted })
        : Midcall.mediaAnswered(state, exchange, command, at, relay);
    }
    case "ReportRefusal": {
      const exchange = Midcall.exchangeOf(state, leg, command.cseq);
      return exchange === undefined
        ? Setup.refusal(state, leg, command, at)
        : Midcall.mediaRefused(state, exchange, command.status, command.reason, at);
    }
    case "ReportFailure": {
      const exchange = Midcall.exchangeOf(state, leg, command.cseq);
      return exchange === undefined
        ? Setup.failure(state, leg, command, at)
        : Midcall.mediaRefused(state, exchange, 408, "", at);
    }
    default:
      return Setup.nothing;
  }
};
