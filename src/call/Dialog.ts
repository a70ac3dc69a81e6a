/** Requests and responses of a leg as effects: the numbers and headers that the core alone owns. */
import type { CallEvent } from "../../schemas/CallEvent.ts";
import type { EdgeEffect, Effect } from "../../schemas/Effect.ts";
import { numberOf } from "../../schemas/Party.ts";
import type { HeaderField, ResponsePath } from "../../schemas/Sip.ts";
import * as Text from "../kernel/Text.ts";
import * as Media from "./Media.ts";
import type { Leg, State } from "./State.ts";

/** A quoted display name (RFC 3261 section 25.1), or nothing. */
const quoted = (display: string): string =>
  display === "" ? "" : `"${Text.encode(display).replace(/[\\"]/g, "\\$&")}" `;

/** Our side of the dialog, as From of our requests. */
const local = (state: State, leg: Leg): string => {
  if (leg.id === 0) return `${state.to};tag=${leg.localTag}`;
  const { caller, policy } = state;
  const display = caller._tag === "Feature" ? "" : caller.display;
  const uri = `<sip:${Text.escapeUser(numberOf(caller))}@${policy.domain}>`;
  return `${quoted(display)}${uri};tag=${leg.localTag}`;
};

/** The peer's side, as To of our requests. */
const remote = (state: State, leg: Leg, tag: string): string => {
  if (leg.id === 0) return state.from;
  const uri = `<sip:${Text.escapeUser(state.dialled)}@${state.policy.domain}>`;
  return tag === "" ? uri : `${uri};tag=${tag}`;
};

/** Unique and the same whenever it is derived again: the tag is ours alone, the CSeq counts. */
const branchOf = (leg: Leg, cseq: number, method: string): string =>
  `z9hG4bK${leg.localTag}.${cseq}${method[0]}`;

/** Who we are to the peer, in Contact. */
const contactUser = (state: State, leg: Leg): string =>
  leg.id === 0 ? state.dialled : numberOf(state.caller);

const common = (state: State, leg: Leg, cseq: number, method: string) => ({
  leg: leg.id,
  target: leg.target,
  routeSet: leg.routeSet,
  from: local(state, leg),
  to: remote(state, leg, leg.remoteTag),
  callId: leg.callId,
  cseq,
  branch: branchOf(leg, cseq, method),
  hop: leg.hop,
});

const effect = (leg: Leg, slot: string, body: EdgeEffect, standing = false): Effect => ({
  performer: { _tag: "Edge", id: leg.edge },
  slot: `${slot}:${leg.id}`,
  body,
  standing,
});

/** INVITE with the offer that is open, or none (late offer). */
export const invite = (state: State, leg: Leg): Effect => {
  const offer = leg.media.offer;
  return effect(leg, "invite", {
    _tag: "SendRequest",
    ...common(state, leg, leg.cseq, "INVITE"),
    to: leg.phase === "up" ? remote(state, leg, leg.remoteTag) : remote(state, leg, ""),
    method: "INVITE",
    maxForwards: leg.phase === "up" ? 70 : state.maxForwards - 1,
    contactUser: contactUser(state, leg),
    headers: leg.phase === "up" ? [] : state.headers,
    sdp: offer?.by === "us" ? offer.body : null,
  });
};

/** CANCEL of the leg's INVITE: its branch, its CSeq, and its To (RFC 3261 section 9.1). */
export const cancel = (state: State, leg: Leg, reason: string | null): Effect =>
  effect(leg, "cancel", {
    _tag: "SendCancel",
    ...common(state, leg, leg.cseq, "INVITE"),
    to: remote(state, leg, leg.phase === "up" ? leg.remoteTag : ""),
    sentBy: null,
    reason,
  });

export const ack = (state: State, leg: Leg, sdp: string | null): Effect =>
  effect(leg, "ack", { _tag: "SendAck", ...common(state, leg, leg.cseq, "ACK"), sdp });

export const bye = (state: State, leg: Leg, headers: ReadonlyArray<HeaderField> = []): Effect =>
  effect(leg, "bye", {
    _tag: "SendRequest",
    ...common(state, leg, leg.cseq + 1, "BYE"),
    method: "BYE",
    maxForwards: 70,
    contactUser: contactUser(state, leg),
    headers,
    sdp: null,
  });

/**
 * ACK and BYE in a dialog that we do not want: a lost race, or another phone behind a proxy. An
 * offer in its 2xx is answered in the ACK (RFC 3261 section 13.2.2.4).
 */
export const decline = (
  state: State,
  leg: Leg,
  answer: Extract<CallEvent, { _tag: "AnswerDeclined" }>,
): ReadonlyArray<Effect> => {
  const { contact, cseq = leg.cseq, offer, remoteTag, routeSet } = answer;
  // A dialog that was in use is hung up with the call: what came too late is acknowledged.
  const hungUp = state.phase === "ended" && leg.phase === "ended" && remoteTag === leg.remoteTag &&
    (leg.id === 0 || leg.id === state.callee);
  const stray: Leg = hungUp
    ? { ...leg, cseq }
    : { ...leg, cseq, remoteTag, routeSet, target: contact ?? leg.target };
  const apart = (made: Effect): Effect => ({ ...made, slot: `${made.slot}*` });
  const sdp = offer === undefined ? null : Media.refusedBody(state, stray, offer);
  const acknowledged = apart(ack(state, stray, sdp));
  return hungUp ? [acknowledged] : [acknowledged, apart(bye(state, stray))];
};

/** A response to an INVITE of the leg; provisionals stand until a final one replaces them. */
export const respond = (
  state: State,
  leg: Leg,
  path: ResponsePath,
  response: {
    readonly status: number;
    readonly sdp?: string | null;
    readonly headers?: ReadonlyArray<HeaderField>;
    /** Of a fork, where it is not the leg's own. */
    readonly tag?: string;
  },
): Effect => {
  const { status, sdp = null, headers = [], tag = leg.localTag } = response;
  return effect(leg, "response", {
    _tag: "SendResponse",
    leg: leg.id,
    path,
    status,
    reason: null,
    // Only the INVITE that made the call came without our tag.
    toTag: leg.id === 0 && path.to === state.to ? tag : null,
    contactUser: contactUser(state, leg),
    headers,
    sdp,
    awaitsAnswer: sdp !== null && leg.media.offer?.by === "us",
  }, status < 200);
};

/** Refuses every stream of an offer that we cannot answer any more: its ACK must have an answer. */
export const refusingAnswer = (state: State, leg: Leg): string | null =>
  leg.media.offer?.by === "peer" ? Media.refusedBody(state, leg, leg.media.offer.body) : null;
