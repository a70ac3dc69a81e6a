/** State of a call: two or more legs of a B2BUA and what lies between them. */
import type { Relay } from "../../schemas/CallEvent.ts";
import type { Hop } from "../../schemas/Effect.ts";
import type { LegId, WorkerId } from "../../schemas/Ids.ts";
import type { Cause, Feature, Party, Side } from "../../schemas/Party.ts";
import type { HeaderField, ResponsePath } from "../../schemas/Sip.ts";
import type { Policy } from "../../schemas/Tenant.ts";
import * as OfferAnswer from "../sdp/OfferAnswer.ts";

export type LegPhase =
  /** INVITE sent or received, no ringing yet. */
  | "calling"
  | "ringing"
  | "up"
  /** CANCEL sent: a 2xx may still cross it. */
  | "cancelled"
  | "ended";

export interface Leg {
  readonly id: LegId;
  readonly phase: LegPhase;
  readonly party: Party;
  readonly callId: string;
  readonly localTag: string;
  /** "" until a response told it. */
  readonly remoteTag: string;
  readonly target: string;
  readonly routeSet: ReadonlyArray<string>;
  readonly hop: Hop;
  readonly edge: WorkerId;
  /** CSeq number of our last request; the core alone counts. */
  readonly cseq: number;
  /** Highest of them whose 2xx was taken, and so has its ACK. */
  readonly answered: number;
  /** Highest CSeq number of the peer's journalled requests. */
  readonly remoteCseq: number;
  /** INVITE of the peer that has no final response yet. */
  readonly path: ResponsePath | null;
  readonly media: OfferAnswer.State;
  /** How many descriptions we made for this leg: version of the `o=` line. */
  readonly described: number;
  /** How often the peer's description changed: opens the relay's latch. */
  readonly heard: number;
  /** Endpoint number in the relay. */
  readonly slot: number;
  /** Callee: our tag and offer/answer towards the caller, once this fork showed it SDP. */
  readonly forkTag: string;
  readonly shown: OfferAnswer.State | null;
  /** Callee: tag of the dialog whose description `media` has; "" without one. */
  readonly heardTag: string;
  /** Callee: last provisional status. */
  readonly status: number;
  /** Callee: how many redirections led here. */
  readonly depth: number;
  /** Callee: tags of answers that we declined; they may come again. */
  readonly declined: ReadonlyArray<string>;
  /** Callee: its edge died while the INVITE was pending. */
  readonly stranded: boolean;
}

/** A re-INVITE that one leg made and the other has not answered, or whose late answer is owed. */
export interface Exchange {
  readonly from: LegId;
  readonly to: LegId;
  /** The peer brought no offer: the answer is in its ACK. */
  readonly late: boolean;
  readonly phase: "offered" | "answered";
  readonly since: number;
  /** It was taken back: the answer may come all the same. */
  readonly cancelled: boolean;
}

export interface Ended {
  readonly cause: Cause;
  readonly endedBy: Side;
  readonly status: number;
}

export interface Refusal {
  readonly leg: LegId;
  readonly status: number;
}

export interface State {
  readonly phase: "idle" | "setup" | "up" | "ended";
  readonly policy: Policy;
  readonly caller: Party;
  readonly dialled: string;
  /** From and To of the caller's INVITE, verbatim. */
  readonly from: string;
  readonly to: string;
  readonly maxForwards: number;
  readonly headers: ReadonlyArray<HeaderField>;
  readonly startedAt: number;
  readonly ringingAt: number | null;
  readonly answeredAt: number | null;
  /** Index is the leg's id; 0 is the caller's. */
  readonly legs: ReadonlyArray<Leg>;
  /** The callee that answered. */
  readonly callee: LegId | null;
  /** The feature that answered instead. */
  readonly feature: Feature | null;
  /** The fork whose early media the caller hears. */
  readonly early: LegId | null;
  readonly relay: Relay | null;
  readonly nextSlot: number;
  /** Relay configurations made. */
  readonly generation: number;
  readonly exchange: Exchange | null;
  /** Redirections whose targets are being looked up. */
  readonly lookups: number;
  readonly refusals: ReadonlyArray<Refusal>;
  /** When an edge was lost under pending INVITEs; 0: none. */
  readonly strandedAt: number;
  readonly ended: Ended | null;
}

export const initial: State = {
  phase: "idle",
  policy: {
    tenant: "none",
    domain: "",
    exceptions: [],
    mediaNetworks: [],
    limits: { ringMs: 0, maxCallMs: 0, maxBindings: 0 },
  },
  caller: { _tag: "User", extension: "", display: "" },
  dialled: "",
  from: "",
  to: "",
  maxForwards: 70,
  headers: [],
  startedAt: 0,
  ringingAt: null,
  answeredAt: null,
  legs: [],
  callee: null,
  feature: null,
  early: null,
  relay: null,
  nextSlot: 1,
  generation: 0,
  exchange: null,
  lookups: 0,
  refusals: [],
  strandedAt: 0,
  ended: null,
};

export const isPending = ({ phase }: Leg): boolean => phase === "calling" || phase === "ringing";

export const isLive = (leg: Leg): boolean => isPending(leg) || leg.phase === "up";

/**
 * True when another phone behind the leg's target describes itself (a proxy forked our INVITE): in
 * that dialog nothing was answered yet, and towards the caller it needs a tag of its own.
 */
export const isAnotherFork = (
  leg: Leg,
  { remoteTag, sdp }: { readonly remoteTag: string; readonly sdp: string | null },
): boolean =>
  sdp !== null && isPending(leg) && leg.heardTag !== "" && leg.heardTag !== remoteTag &&
  leg.media.invite?.offered === true;

/** Callee legs whose INVITE has no final response. */
export const pendingCallees = (state: State): ReadonlyArray<Leg> =>
  state.legs.filter((leg) => leg.id > 0 && isPending(leg));

/** The leg on the other side of an answered call. */
export const otherOf = (state: State, leg: LegId): Leg | undefined =>
  leg === 0 ? state.legs[state.callee ?? -1] : leg === state.callee ? state.legs[0] : undefined;

/** A new offer may ring as long as a call; then it is taken back. */
const openUntil = ({ exchange, policy }: State): number | undefined =>
  exchange === null || exchange.cancelled || exchange.phase === "answered"
    ? undefined
    : exchange.since + policy.limits.ringMs;

/** The next thing that time does to this call; the generation tells it from an older one. */
export const deadlineOf = (
  state: State,
): { readonly name: string; readonly at: number; readonly generation: number } | undefined => {
  const { limits } = state.policy;
  if (state.phase === "up") {
    const end = (state.answeredAt ?? 0) + limits.maxCallMs;
    const answerBy = openUntil(state);
    return answerBy !== undefined && answerBy < end
      ? { name: "media", at: answerBy, generation: answerBy }
      : { name: "duration", at: end, generation: 0 };
  }
  if (state.phase !== "setup") return undefined;
  if (state.legs.some((leg) => isPending(leg) && leg.stranded)) {
    return { name: "recover", at: state.strandedAt, generation: state.strandedAt };
  }
  return { name: "ring", at: state.startedAt + limits.ringMs, generation: 0 };
};

/** Why a leg alone is given up, as its phone may show it. */
export const cancelReasons = {
  answered: "Call completed elsewhere",
  declined: "Declined elsewhere",
  edgeLost: "Edge lost",
} as const;

/** Relay endpoints kept for the targets of one redirection. */
export const slotsOfRedirection = 4;
/** Redirections in a row that are followed. */
export const maxDepth = 5;
/** Legs and relay endpoints of one call, those that are gone included: a `LegId` names no more. */
export const mostLegs = 128;
