/** Decisions in an answered call: new offers, ACKs, probes, BYE, and peers that are gone. */
import type { CallCommand } from "../../schemas/Call.ts";
import type { CallEvent } from "../../schemas/CallEvent.ts";
import type { Side } from "../../schemas/Party.ts";
import { answered, type Reply } from "../../schemas/Reply.ts";
import type { Decision } from "../kernel/Decider.ts";
import * as OfferAnswer from "../sdp/OfferAnswer.ts";
import type { Command, MediaFacts } from "./Command.ts";
import * as Media from "./Media.ts";
import { ended, happened, nothing, reply } from "./Setup.ts";
import { type Exchange, isLive, type Leg, type State } from "./State.ts";

type Outcome = Decision<CallEvent, Reply>;
type Of<Tag extends CallCommand["_tag"]> = Extract<CallCommand, { _tag: Tag }>;

const gone: Reply = answered(481);
const glare: Reply = answered(491);
/** RFC 3261 14.2: an INVITE before the final response to the last one. */
const tooSoon: Reply = answered(500, [["Retry-After", "2"]]);

const sideOf = (leg: Leg): Side => leg.id === 0 ? "caller" : "callee";

/** Undefined when a request is in its dialog and in order; else what to answer. */
export const misplaced = (
  leg: Leg | undefined,
  request: { readonly callId: string; readonly remoteTag: string; readonly cseq: number },
): Reply | undefined => {
  if (leg === undefined || leg.callId !== request.callId) return gone;
  if (leg.remoteTag !== request.remoteTag) return gone;
  // RFC 3261 12.2.2.
  return request.cseq <= leg.remoteCseq ? answered(500, [], "CSeq Out Of Order") : undefined;
};

const reserved = (relay: MediaFacts, at: number): ReadonlyArray<CallEvent> =>
  relay === null || relay === "exhausted" ? [] : [{ _tag: "MediaReserved", at, relay }];

/** re-INVITE: passed on to the other leg, whose answer is the answer. */
export const offerMedia = (
  state: State,
  leg: Leg,
  input: Extract<Command, { _tag: "Wire" }>,
  command: Of<"OfferMedia">,
): Outcome => {
  if (state.phase === "setup" && leg.id === 0) return reply(tooSoon);
  if (leg.phase !== "up" || state.phase !== "up") return reply(gone);
  if (state.exchange !== null) return reply(state.exchange.from === leg.id ? tooSoon : glare);
  const { at, relay } = input;
  const { path, cseq, contact, sdp, flow } = command;
  const asked = OfferAnswer.step(leg.media, { from: "peer", message: "Invite", body: sdp });
  const refused = asked[1].find((output) => output._tag === "Refused");
  if (refused !== undefined) return reply(refused.status === 491 ? glare : tooSoon);
  if (sdp !== null && Media.streamsOf(sdp).length === 0) return reply(answered(488));
  const event: CallEvent = {
    _tag: "MediaOffered",
    at,
    leg: leg.id,
    path,
    cseq,
    contact,
    sdp,
    flow,
  };
  if (state.feature !== null) {
    return Media.suitsFeature(state.feature, sdp)
      ? happened(event, { _tag: "MediaAnswered", at, leg: leg.id, contact: null, sdp: null })
      : reply(answered(488));
  }
  return happened(...reserved(relay, at), event);
};

/** 2xx to our re-INVITE. */
export const mediaAnswered = (
  state: State,
  exchange: Exchange,
  report: Of<"ReportAnswer">,
  at: number,
  relay: MediaFacts,
): Outcome => {
  if (exchange.phase !== "offered") return nothing;
  const { contact } = report;
  const answerer = state.legs[exchange.to]!;
  const usable = report.sdp !== null && (exchange.late || Media.canAnswer(answerer, report.sdp));
  const sdp = usable ? report.sdp : null;
  const event: CallEvent = { _tag: "MediaAnswered", at, leg: exchange.to, contact, sdp };
  // Whoever asked and whoever answered now disagree about the media: nothing can mend that.
  return sdp === null
    ? happened(event, ended(state, at, "lost", sideOf(answerer), 200))
    : happened(...reserved(relay, at), event);
};

/** Refusal of our re-INVITE: the call stays as it was, unless the peer is gone (RFC 5057 5.1). */
export const mediaRefused = (
  state: State,
  exchange: Exchange,
  status: number,
  reason: string,
  at: number,
): Outcome => {
  if (exchange.phase !== "offered") return nothing;
  const dead = status === 408 || status === 481;
  const told = dead ? 481 : status === 503 || status === 401 || status === 407 ? 500 : status;
  const event: CallEvent = {
    _tag: "MediaRefused",
    at,
    leg: exchange.to,
    status: status < 400 ? 488 : told,
    reason,
  };
  const end = ended(state, at, "lost", sideOf(state.legs[exchange.to]!), 200);
  return dead ? happened(event, end) : happened(event);
};

/** ACK: of interest only where it brings the answer to our offer. */
export const confirm = (
  state: State,
  leg: Leg,
  command: Of<"ConfirmAnswer">,
  at: number,
): Outcome => {
  const owed = leg.media.offer;
  if (leg.phase !== "up" || owed?.by !== "us" || owed.carrier !== "Success") return nothing;
  const sdp = command.sdp !== null && Media.canAnswer(leg, command.sdp) ? command.sdp : null;
  const event: CallEvent = { _tag: "AnswerConfirmed", at, leg: leg.id, sdp };
  return sdp === null
    ? happened(event, ended(state, at, "notAcceptable", sideOf(leg), 200))
    : happened(event);
};

/** The offer that a leg made is taken back: its CANCEL, or its time is over. */
export const cancelMedia = (
  state: State,
  at: number,
  by: { readonly leg: number; readonly cseq: number; readonly reason: string | null } | null,
): Outcome => {
  const { exchange } = state;
  if (exchange === null || exchange.phase !== "offered" || exchange.cancelled) return nothing;
  const asked = state.legs[exchange.from]?.path?.cseq;
  if (by !== null && (by.leg !== exchange.from || by.cseq !== asked)) return nothing;
  const reason = by?.reason ?? null;
  const event: CallEvent = { _tag: "MediaCancelled", at, leg: exchange.to };
  return happened(reason === null ? event : { ...event, reason });
};

/** BYE. */
export const endLeg = (
  state: State,
  leg: Leg,
  { reason }: Of<"EndLeg">,
  at: number,
): Outcome => {
  if (leg.phase === "ended" && state.phase === "ended") {
    // A BYE that crosses ours finds its dialog; who has hung up already does not.
    const { cause, endedBy } = state.ended ?? {};
    return reply(cause === "hangup" && endedBy === sideOf(leg) ? gone : answered(200));
  }
  const end = (cause: "hangup" | "cancelled", status: number): Outcome => {
    const event = ended(state, at, cause, sideOf(leg), status, reason);
    return { events: [event], reply: answered(200) };
  };
  if (leg.phase === "up" && state.phase === "up") return end("hangup", 200);
  // A caller may leave an early dialog with BYE (RFC 3261 section 15); a callee may not.
  if (leg.id === 0 && state.phase === "setup") return end("cancelled", 487);
  return reply(gone);
};

/** No ACK for 64 T1: the peer never came to know that it is in a call (RFC 3261 13.3.1.4). */
export const unacknowledged = (state: State, leg: Leg, at: number): Outcome =>
  leg.phase === "up" && state.phase === "up"
    ? happened(ended(state, at, "lost", sideOf(leg), 200))
    : nothing;

/** OPTIONS, in an early dialog too. */
export const probe = (leg: Leg): Outcome => reply(isLive(leg) ? answered(200) : gone);

/** The longest duration is over. */
export const expire = (state: State, at: number): Outcome =>
  state.phase === "up" ? happened(ended(state, at, "duration", "engine", 200)) : nothing;

/** The leg's re-INVITE that is under way, if this report is about it. */
export const exchangeOf = (state: State, leg: Leg, cseq: number): Exchange | undefined =>
  state.exchange !== null && state.exchange.to === leg.id && leg.cseq === cseq &&
    leg.phase === "up"
    ? state.exchange
    : undefined;
