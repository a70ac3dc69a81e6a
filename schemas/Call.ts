/**
 * Commands to a call. An edge sends them; the host adds time, minted ids and verified facts before
 * the decider sees them (`src/call/Command.ts`).
 */
import { Schema } from "effect";
import { LegId, text } from "./Ids.ts";
import {
  Cseq,
  Flow,
  HeaderFields,
  Hops,
  Identity,
  maxToken,
  RequestIdentity,
  ResponsePath,
  Sdp,
  Uri,
  UriList,
} from "./Sip.ts";

const Status = Schema.Int.check(Schema.isBetween({ minimum: 100, maximum: 699 }));

/** Names the dialog of an in-dialog request as the peer sees it. */
const dialog = { leg: LegId, callId: text(maxToken), remoteTag: text(256), cseq: Cseq };

/** Response to a request that the call sent on `leg` with CSeq number `cseq`. */
const response = {
  leg: LegId,
  cseq: Cseq,
  status: Status,
  reason: text(128),
  remoteTag: text(256),
  contact: Schema.NullOr(Uri),
  routeSet: UriList,
  headers: HeaderFields,
  sdp: Schema.NullOr(Sdp),
  flow: Flow,
};

export const CallCommand = Schema.TaggedUnion({
  /** INVITE without a tag of ours. */
  OfferCall: {
    identity: RequestIdentity,
    caller: Identity,
    fromTag: text(256),
    path: ResponsePath,
    contact: Uri,
    /** Contact and source differ: only the flow reaches this phone. */
    natted: Schema.Boolean,
    routeSet: UriList,
    maxForwards: Hops,
    headers: HeaderFields,
    sdp: Schema.NullOr(Sdp),
  },
  /** CANCEL of the INVITE that made this call. */
  CancelCall: { reason: Schema.NullOr(text(256)) },
  /** INVITE in the dialog of a leg: a new offer, or with no body the wish for one. */
  OfferMedia: {
    ...dialog,
    path: ResponsePath,
    contact: Schema.NullOr(Uri),
    sdp: Schema.NullOr(Sdp),
    flow: Flow,
  },
  /** CANCEL of an INVITE in a dialog: `cseq` is the INVITE's. */
  CancelMedia: { leg: LegId, cseq: Cseq, reason: Schema.NullOr(text(256)) },
  /** BYE. */
  EndLeg: { ...dialog, reason: Schema.NullOr(text(256)) },
  /** OPTIONS in a dialog: is it alive? */
  ProbeLeg: dialog,
  /** 101 to 199 to an INVITE; repeated ones without a change are not reported. */
  ReportProgress: response,
  /** 2xx to an INVITE. */
  ReportAnswer: response,
  /**
   * 3xx to 6xx to an INVITE. Of the contacts of a 3xx only the user parts count, and only of those
   * that name no other domain: they are dialled anew, under the rules of the tenant.
   */
  ReportRefusal: {
    ...response,
    redirectedTo: Schema.Array(text(maxToken)).check(Schema.isMaxLength(16)),
  },
  /** No response (RFC 3261 timer B or F), no way to send, or no such flow (RFC 5626: 430). */
  ReportFailure: {
    leg: LegId,
    cseq: Cseq,
    failure: Schema.Literals(["timeout", "transport", "flow"]),
  },
  /** ACK of our 2xx to the INVITE with this CSeq; a late offer's answer is in it. */
  ConfirmAnswer: { leg: LegId, cseq: Cseq, sdp: Schema.NullOr(Sdp) },
  /**
   * The leg's connection is gone: is there another one to its party? `contact` is the key of the
   * leg's remote target, as in its registration.
   */
  FindFlow: { leg: LegId, contact: Uri },
  /** No ACK for 64 T1. */
  ReportAckTimeout: { leg: LegId, cseq: Cseq },
});
export type CallCommand = typeof CallCommand.Type;
