/**
 * Effects: what an actor wants done, as data. They leave after the journal has the record that
 * caused them, in order for each leg, at least once; whoever performs one knows it by its
 * `EffectRef`.
 */
import { Schema } from "effect";
import { ActorId, CellId, Epoch, LegId, Millis, ShardId, text, WorkerId } from "./Ids.ts";
import { MediaRequest } from "./Media.ts";
import { Flow, HeaderFields, maxToken, ResponsePath, Sdp, Uri, UriList } from "./Sip.ts";

/** Where a request goes. */
export const Hop = Schema.Struct({
  /** The leg's flow, tried first. */
  flow: Schema.NullOr(Flow),
  /** The contact cannot be reached but through the flow (NAT, `.invalid`): no flow means 430. */
  flowOnly: Schema.Boolean,
});
export type Hop = typeof Hop.Type;

const request = {
  leg: LegId,
  /** Remote target; with the route set it gives Request-URI and Route (RFC 3261 12.2.1.1). */
  target: Uri,
  routeSet: UriList,
  from: text(1_024),
  to: text(1_024),
  callId: text(maxToken),
  cseq: Schema.Int,
  branch: text(128),
  hop: Hop,
};

/** Performed by an edge. */
export const EdgeEffect = Schema.TaggedUnion({
  /**
   * A response to a request of the peer. A 1xx is repeated each minute (RFC 3261 13.3.1.1) and a
   * 2xx to INVITE until its ACK (13.3.1.4), which the edge reports.
   */
  SendResponse: {
    leg: LegId,
    path: ResponsePath,
    status: Schema.Int,
    reason: Schema.NullOr(text(128)),
    toTag: Schema.NullOr(text(128)),
    contactUser: Schema.NullOr(text(256)),
    headers: HeaderFields,
    sdp: Schema.NullOr(Sdp),
    /** The description is an offer: the answer is to come in the ACK. */
    awaitsAnswer: Schema.Boolean,
  },
  SendRequest: {
    ...request,
    method: Schema.Literals(["INVITE", "BYE"]),
    maxForwards: Schema.Int,
    contactUser: text(256),
    headers: HeaderFields,
    sdp: Schema.NullOr(Sdp),
  },
  /** Waits for a provisional (RFC 3261 9.1); on another edge than the INVITE's it goes at once. */
  SendCancel: { ...request, sentBy: Schema.NullOr(text(256)), reason: Schema.NullOr(text(256)) },
  /** ACK for a 2xx; the edge repeats it for repeated 2xx during 32 s. */
  SendAck: { ...request, sdp: Schema.NullOr(Sdp) },
});
export type EdgeEffect = typeof EdgeEffect.Type;

/** Performed by the host: answers come back as a command. */
export const HostEffect = Schema.TaggedUnion({
  /** Where do these user parts lead, that a callee redirected to (RFC 3261 8.1.3.4)? */
  FindTargets: {
    leg: LegId,
    users: Schema.Array(text(maxToken)),
    depth: Schema.Int,
    /** Relay endpoints kept free for what is found. */
    slots: Schema.Array(LegId),
  },
});
export type HostEffect = typeof HostEffect.Type;

/** Who performs. */
export const Performer = Schema.TaggedUnion({
  Edge: { id: WorkerId },
  Media: { id: WorkerId },
  Host: {},
});
export type Performer = typeof Performer.Type;

/** What a decider emits: a slot (`kind:leg`) holds at most one effect that is not yet confirmed. */
export interface Effect {
  readonly performer: Performer;
  readonly slot: string;
  readonly body: EdgeEffect | MediaRequest | HostEffect;
  /** Held until replaced: sent again to each new incarnation of its performer. */
  readonly standing: boolean;
  /** In force by what led to the decision: for the next incarnation of its performer alone. */
  readonly inForce?: true;
}

/** Total order within an actor: epoch, then sequence of the record, then index in it. */
export const EffectRef = Schema.Struct({
  actor: ActorId,
  epoch: Epoch,
  sequence: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  index: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  slot: text(48),
});
export type EffectRef = typeof EffectRef.Type;

export const EffectEnvelope = Schema.Struct({
  ref: EffectRef,
  deadline: Millis,
  body: Schema.Union([EdgeEffect, MediaRequest]),
});
export type EffectEnvelope = typeof EffectEnvelope.Type;

/** Effects of one batch. */
const mostEffects = 64;

/** Effects of one actor for one performer, in order. */
export const EffectBatch = Schema.Struct({
  cell: CellId,
  shard: ShardId,
  /** Of the sender: performers refuse a batch of an older owner of the shard. */
  epoch: Epoch,
  effects: Schema.Array(EffectEnvelope).check(Schema.isMaxLength(mostEffects)),
});
export type EffectBatch = typeof EffectBatch.Type;

/** How a performer took a batch, effect by effect. */
export const Performed = Schema.Array(
  Schema.Literals([
    "done", // performed, or known already
    "taken", // under way: confirmed later by an event or on `done.<cell>.<shard>`
    "refused", // of an older owner
  ]),
).check(Schema.isMaxLength(mostEffects));
export type Performed = typeof Performed.Type;
