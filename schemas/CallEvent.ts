/** Events of a call: its journal. Version 1 of each; `schemas/golden/` holds frozen samples. */
import { Schema } from "effect";
import { Incarnation, LegId, Millis, text, WorkerId } from "./Ids.ts";
import { RelayId, ReservedPort } from "./Media.ts";
import { Cause, Feature, Party, Side } from "./Party.ts";
import { Hop } from "./Effect.ts";
import { Flow, HeaderFields, maxToken, ResponsePath, Sdp, Uri, UriList } from "./Sip.ts";
import { Policy } from "./Tenant.ts";

/** RTP ports that a media worker holds for the call. */
export const Relay = Schema.Struct({
  /** The relay's name: the token of the call. */
  call: RelayId,
  worker: WorkerId,
  incarnation: Incarnation,
  address: text(45),
  ports: Schema.Array(ReservedPort),
});
export type Relay = typeof Relay.Type;

/** What a 1xx or 2xx told about the dialog. */
const learned = {
  remoteTag: text(256),
  contact: Schema.NullOr(Uri),
  routeSet: UriList,
  headers: HeaderFields,
};

/** Our tag towards the caller from now on: another phone behind the leg's target shows itself. */
const anotherFork = { forkTag: Schema.optionalKey(text(128)) };

/** A Reason header (RFC 3326) that one side gave, for the other. */
const reason = Schema.optionalKey(text(256));

export const CallEvent = Schema.TaggedUnion({
  /** The caller's INVITE, kept whole: its response path must outlive the edge. */
  CallOffered: {
    at: Millis,
    policy: Policy,
    caller: Party,
    dialled: text(maxToken),
    path: ResponsePath,
    remoteTag: text(256),
    contact: Uri,
    routeSet: UriList,
    hop: Hop,
    maxForwards: Schema.Int,
    headers: HeaderFields,
    sdp: Schema.NullOr(Sdp),
    /** Our tag towards the caller. */
    tag: text(128),
  },
  /** Ports were reserved or added. */
  MediaReserved: { at: Millis, relay: Relay },
  /** INVITE to one target. */
  LegStarted: {
    at: Millis,
    leg: LegId,
    party: Party,
    target: Uri,
    routeSet: UriList,
    hop: Hop,
    /** The edge that sends. */
    edge: WorkerId,
    /** Endpoint number in the relay; the leg that replaces a lost one keeps its ports. */
    slot: LegId,
    callId: text(maxToken),
    /** Our tag towards the callee. */
    tag: text(128),
    /** Our tag towards the caller for this fork, used when it shows SDP before the answer. */
    forkTag: text(128),
    /** How many redirections led here. */
    depth: Schema.Int,
  },
  LegRang: {
    at: Millis,
    leg: LegId,
    status: Schema.Int,
    ...learned,
    sdp: Schema.NullOr(Sdp),
    ...anotherFork,
  },
  LegAnswered: {
    at: Millis,
    leg: LegId,
    ...learned,
    sdp: Schema.NullOr(Sdp),
    flow: Flow,
    ...anotherFork,
  },
  LegRefused: { at: Millis, leg: LegId, status: Schema.Int, reason: text(128) },
  LegFailed: {
    at: Millis,
    leg: LegId,
    failure: Schema.Literals(["timeout", "transport", "flow", "edge"]),
  },
  /** We no longer want this leg: CANCEL. */
  LegCancelled: { at: Millis, leg: LegId, reason: text(64) },
  /** A 2xx that lost the race, or a second one through a forking proxy: ACK, then BYE. */
  AnswerDeclined: {
    at: Millis,
    leg: LegId,
    remoteTag: text(256),
    contact: Schema.NullOr(Uri),
    routeSet: UriList,
    /** Of the INVITE that it answers, where that is not the leg's newest. */
    cseq: Schema.optionalKey(Schema.Int),
    /** The offer in it, which the ACK must answer. */
    offer: Schema.optionalKey(Sdp),
  },
  /** A callee redirected: its targets are looked up. */
  LegRedirected: { at: Millis, leg: LegId, users: Schema.Array(text(maxToken)) },
  /** What the lookup of a redirection came to: `legs` more are started. */
  RedirectResolved: { at: Millis, leg: LegId, legs: Schema.Int },
  /** A feature of the engine takes the call. */
  FeatureAnswered: { at: Millis, feature: Feature },
  /** The first answer: this leg is the callee now. */
  CallAnswered: { at: Millis, leg: LegId, callee: Schema.optionalKey(Party) },
  /** ACK to a 2xx that carried our offer (late offer): the answer. */
  AnswerConfirmed: { at: Millis, leg: LegId, sdp: Schema.NullOr(Sdp) },
  /** re-INVITE by `leg`, passed to the other one. */
  MediaOffered: {
    at: Millis,
    leg: LegId,
    path: ResponsePath,
    cseq: Schema.Int,
    contact: Schema.NullOr(Uri),
    sdp: Schema.NullOr(Sdp),
    flow: Flow,
  },
  /** 2xx of the other leg to it. */
  MediaAnswered: {
    at: Millis,
    leg: LegId,
    contact: Schema.NullOr(Uri),
    sdp: Schema.NullOr(Sdp),
  },
  /** Its asker took the offer back, or its time is over: CANCEL to the other one. */
  MediaCancelled: { at: Millis, leg: LegId, reason },
  MediaRefused: { at: Millis, leg: LegId, status: Schema.Int, reason: text(128) },
  /** Everything for the CDR, because a projection keeps no state. */
  CallEnded: {
    at: Millis,
    cause: Cause,
    endedBy: Side,
    /** SIP status that the caller got, or 200 for an answered call. */
    status: Schema.Int,
    startedAt: Millis,
    ringingAt: Schema.NullOr(Millis),
    answeredAt: Schema.NullOr(Millis),
    caller: Party,
    callee: Schema.NullOr(Party),
    dialled: text(maxToken),
    legs: Schema.Int,
    reason,
  },
  /** An edge came back as another incarnation: its transactions and connections are gone. */
  EdgeLost: { at: Millis, edge: WorkerId, incarnation: Incarnation },
});
export type CallEvent = typeof CallEvent.Type;
