/** Decisions until somebody answers: offer, fork, ringing, refusals, redirections, CANCEL. */
import type { CallCommand } from "../../schemas/Call.ts";
import type { CallEvent } from "../../schemas/CallEvent.ts";
import { accepted, answered, type Reply } from "../../schemas/Reply.ts";
import type { Cause, Side } from "../../schemas/Party.ts";
import type { Decision } from "../kernel/Decider.ts";
import type { Command, MediaFacts, Target } from "./Command.ts";
import * as Media from "./Media.ts";
import {
  cancelReasons,
  isAnotherFork,
  isPending,
  type Leg,
  maxDepth,
  mostLegs,
  pendingCallees,
  slotsOfRedirection,
  type State,
} from "./State.ts";
import * as Status from "./Status.ts";

type Outcome = Decision<CallEvent, Reply>;
type Offer = Extract<Command, { _tag: "Offer" }>;
type Report<Tag extends CallCommand["_tag"]> = Extract<CallCommand, { _tag: Tag }>;

export const nothing: Outcome = { events: [], reply: accepted };
export const reply = (reply: Reply): Outcome => ({ events: [], reply });
export const happened = (...events: ReadonlyArray<CallEvent>): Outcome => ({
  events,
  reply: accepted,
});

/** The end of a call, with all that its CDR needs. */
export const ended = (
  state: State,
  at: number,
  cause: Cause,
  endedBy: Side,
  status: number,
  reason: string | null = null,
): CallEvent => ({
  _tag: "CallEnded",
  at,
  cause,
  endedBy,
  status,
  startedAt: state.startedAt,
  ringingAt: state.ringingAt,
  answeredAt: state.answeredAt,
  caller: state.caller,
  callee: state.feature === null
    ? (state.legs[state.callee ?? 1]?.party ?? null)
    : { _tag: "Feature", feature: state.feature },
  dialled: state.dialled,
  // A call that is refused at once has its caller's leg all the same.
  legs: Math.max(1, state.legs.length),
  ...(reason === null ? {} : { reason }),
});

/** INVITE that makes the call. */
export const offer = (state: State, input: Offer): Outcome => {
  const { at, command, facts, relay, tag } = input;
  if (state.phase !== "idle") return reply(answered(482));
  const { path, fromTag, contact, routeSet, maxForwards, headers, sdp, natted } = command;
  const offered: CallEvent = {
    _tag: "CallOffered",
    at,
    policy: facts.policy,
    caller: facts.caller,
    dialled: facts.dialled,
    path,
    remoteTag: fromTag,
    contact,
    routeSet,
    hop: { flow: command.identity.source, flowOnly: natted },
    maxForwards,
    headers,
    sdp,
    tag,
  };
  const problem = refusalOf(input);
  if (problem !== undefined) {
    const { cause, status } = problem;
    const before = { ...state, caller: facts.caller, dialled: facts.dialled, startedAt: at };
    return happened(offered, ended(before, at, cause, "engine", status));
  }
  const reserved: ReadonlyArray<CallEvent> = isRelay(relay)
    ? [{ _tag: "MediaReserved", at, relay }]
    : [];
  if (facts.feature !== null) {
    return happened(offered, ...reserved, { _tag: "FeatureAnswered", at, feature: facts.feature });
  }
  return happened(offered, ...reserved, ...start(input, facts.targets, 1, 0));
};

const isRelay = (relay: MediaFacts): relay is Exclude<MediaFacts, "exhausted" | null> =>
  relay !== null && relay !== "exhausted";

/** Why a call is over at once. */
const refusalOf = (
  { command, facts, relay }: Offer,
): { readonly cause: Cause; readonly status: number } | undefined => {
  if (facts.refusal !== null) return facts.refusal;
  if (!facts.policy.exceptions.includes("plainMedia")) {
    return { cause: "notAcceptable", status: 488 };
  }
  if (command.sdp !== null && Media.streamsOf(command.sdp).length === 0) {
    return { cause: "notAcceptable", status: 488 };
  }
  if (facts.feature === null && facts.targets.length === 0) {
    return { cause: "unreachable", status: 480 };
  }
  if (relay === "exhausted") return { cause: "noMedia", status: 503 };
  if (facts.feature !== null && !Media.suitsFeature(facts.feature, command.sdp)) {
    return { cause: "notAcceptable", status: 488 };
  }
  return undefined;
};

/** INVITEs to targets, as legs from `first` on. */
const start = (
  { at, minted }: Pick<Command, "at" | "minted">,
  targets: ReadonlyArray<Target>,
  first: number,
  depth: number,
  slots?: ReadonlyArray<number>,
): ReadonlyArray<CallEvent> =>
  targets.flatMap((target, n): ReadonlyArray<CallEvent> => {
    const ids = minted[n];
    const slot = slots === undefined ? first + n : slots[n];
    if (ids === undefined || slot === undefined) return [];
    return [{
      _tag: "LegStarted",
      at,
      leg: first + n,
      slot,
      party: target.party,
      target: target.uri,
      routeSet: target.routeSet,
      hop: target.hop,
      edge: target.edge,
      callId: ids.callId,
      tag: ids.tag,
      forkTag: ids.forkTag,
      depth,
    }];
  });

interface Stamp {
  readonly at: number;
  readonly minted: Command["minted"];
}

/** The tag for another phone behind the leg's target; the first one's is shown already. */
const anotherTag = (
  leg: Leg,
  described: { readonly remoteTag: string; readonly sdp: string | null },
  { minted }: Stamp,
): { readonly forkTag?: string } =>
  isAnotherFork(leg, described) && minted[0] !== undefined ? { forkTag: minted[0].forkTag } : {};

/** 101 to 199. */
export const progress = (
  state: State,
  leg: Leg,
  report: Report<"ReportProgress">,
  stamp: Stamp,
): Outcome => {
  const { status, remoteTag, contact, routeSet, headers } = report;
  if (!isPending(leg) || state.phase !== "setup") return nothing;
  // An offer in an unreliable provisional means nothing, and neither does a second description.
  const isFirst = leg.media.invite?.offered === true && leg.media.invite.response === null;
  const counts = report.sdp !== null && (isFirst || isAnotherFork(leg, report)) &&
    Media.canAnswer(leg, report.sdp);
  const sdp = counts ? report.sdp : null;
  if (sdp === null && leg.phase === "ringing" && leg.status === status) return nothing;
  return happened({
    _tag: "LegRang",
    at: stamp.at,
    leg: leg.id,
    status,
    remoteTag,
    contact,
    routeSet,
    headers,
    sdp,
    ...anotherTag(leg, { remoteTag, sdp }, stamp),
  });
};

/** A 2xx that nobody wants, or that comes after the end. */
const decline = (leg: Leg, report: Report<"ReportAnswer">, at: number): CallEvent => {
  const { contact, cseq, remoteTag, routeSet, sdp } = report;
  const offer = leg.media.invite?.offered === false && sdp !== null ? { offer: sdp } : {};
  return {
    _tag: "AnswerDeclined",
    at,
    leg: leg.id,
    remoteTag,
    contact,
    routeSet,
    cseq,
    ...offer,
  };
};

/** 2xx to the first INVITE of a leg, or to any INVITE when the call is over. */
export const answer = (
  state: State,
  leg: Leg,
  report: Report<"ReportAnswer">,
  stamp: Stamp,
): Outcome => {
  const { remoteTag, contact, routeSet, headers, flow } = report;
  const { at } = stamp;
  if (leg.declined.includes(remoteTag)) return nothing;
  // The same 2xx again is the edge's business; another tag is another phone behind a proxy.
  if (leg.phase === "up" && remoteTag === leg.remoteTag) return nothing;
  if (leg.id === 0 && remoteTag !== leg.remoteTag) return nothing;
  if (remoteTag === leg.remoteTag && report.cseq <= leg.answered) return nothing;
  const declined = decline(leg, report, at);
  if (!isPending(leg) || state.phase !== "setup") return happened(declined);
  const usable = report.sdp !== null && Media.canAnswer(leg, report.sdp);
  const sdp = usable ? report.sdp : null;
  const isOwed = leg.media.invite?.response === null ||
    (leg.heardTag !== "" && leg.heardTag !== remoteTag);
  if (sdp === null && isOwed) {
    // A 2xx without the description that it owes: the leg cannot live.
    const left = pendingCallees(state).filter(({ id }) => id !== leg.id).length;
    return conclude(state, at, [declined], left, { leg: leg.id, status: 488 });
  }
  return happened(
    {
      _tag: "LegAnswered",
      at,
      leg: leg.id,
      remoteTag,
      contact,
      routeSet,
      headers,
      sdp,
      flow,
      ...anotherTag(leg, { remoteTag, sdp }, stamp),
    },
    { _tag: "CallAnswered", at, leg: leg.id, callee: leg.party },
    ...cancelOthers(state, leg.id, at, cancelReasons.answered),
  );
};

const cancelOthers = (
  state: State,
  but: number,
  at: number,
  reason: string,
): ReadonlyArray<CallEvent> =>
  pendingCallees(state)
    .filter(({ id }) => id !== but)
    .map(({ id }) => ({ _tag: "LegCancelled", at, leg: id, reason }));

/** 3xx to 6xx to the first INVITE of a leg. */
export const refusal = (
  state: State,
  leg: Leg,
  report: Report<"ReportRefusal">,
  at: number,
): Outcome => {
  if (!isPending(leg) || state.phase !== "setup") return nothing;
  const { status, reason, redirectedTo } = report;
  const hasRoom = state.nextSlot + slotsOfRedirection <= mostLegs;
  if (status < 400 && redirectedTo.length > 0 && leg.depth < maxDepth && hasRoom) {
    const users = redirectedTo.slice(0, slotsOfRedirection);
    return happened({ _tag: "LegRedirected", at, leg: leg.id, users });
  }
  const refused: CallEvent = { _tag: "LegRefused", at, leg: leg.id, status, reason };
  // RFC 3261 16.7 step 5: a 6xx speaks for all.
  const others = status >= 600 ? cancelOthers(state, leg.id, at, cancelReasons.declined) : [];
  const spoken = status >= 600 ? { ...state, lookups: 0 } : state;
  const left = pendingCallees(state).length - 1 - others.length;
  return conclude(spoken, at, [refused, ...others], left, { leg: leg.id, status });
};

/** No response, no way, no flow. */
export const failure = (
  state: State,
  leg: Leg,
  report: Report<"ReportFailure">,
  at: number,
): Outcome => {
  if (!isPending(leg) || state.phase !== "setup") return nothing;
  const failed: CallEvent = { _tag: "LegFailed", at, leg: leg.id, failure: report.failure };
  const left = pendingCallees(state).filter(({ id }) => id !== leg.id).length;
  const status = leg.party._tag === "Trunk" ? 502 : 480;
  return conclude(state, at, [failed], left, { leg: leg.id, status });
};

/** Ends the call when the refusal was the last hope. */
const conclude = (
  state: State,
  at: number,
  events: ReadonlyArray<CallEvent>,
  left: number,
  refusal: { readonly leg: number; readonly status: number },
): Outcome => {
  if (left > 0 || state.lookups > 0) return happened(...events);
  const { leg, status } = Status.best([...state.refusals, refusal]);
  const failed = events.some((event) => event._tag === "LegFailed" && event.leg === leg);
  const cause = failed ? "unreachable" : Status.causeOf(status);
  const by = cause === "unreachable" ? "engine" : "callee";
  return happened(...events, ended(state, at, cause, by, Status.towardsCaller(status)));
};

/** The lookup of a redirection came back. */
export const targets = (
  state: State,
  input: Extract<Command, { _tag: "Targets" }>,
): Outcome => {
  const { at, command } = input;
  if (state.phase !== "setup" || state.lookups === 0) return nothing;
  const relay: ReadonlyArray<CallEvent> = isRelay(command.relay)
    ? [{ _tag: "MediaReserved", at, relay: command.relay }]
    : [];
  const depth = command.depth + 1;
  const first = state.legs.length;
  const found = command.relay === "exhausted" ? [] : command.targets.slice(0, mostLegs - first);
  const started = start(input, found, first, depth, command.slots);
  const resolved: CallEvent = {
    _tag: "RedirectResolved",
    at,
    leg: command.leg,
    legs: started.length,
  };
  const events = [resolved, ...relay, ...started];
  if (started.length > 0) return happened(...events);
  const left = pendingCallees(state).length;
  const after = { ...state, lookups: state.lookups - 1 };
  return conclude(after, at, events, left, { leg: command.leg, status: 480 });
};

/** CANCEL of the caller: the order in the journal decides whether it was in time. */
export const cancel = (state: State, reason: string | null, at: number): Outcome =>
  state.phase === "setup"
    ? happened(ended(state, at, "cancelled", "caller", 487, reason))
    : nothing;

/** Nobody answered in the ring time. */
export const ringOut = (state: State, at: number): Outcome =>
  state.phase === "setup" ? happened(ended(state, at, "noAnswer", "engine", 480)) : nothing;

/**
 * The edge died under pending INVITEs: nobody retransmits or hears them any more. CANCEL them with
 * their branch and ring again with new dialogs (the old ones would be 482 where they still ring).
 */
export const recover = (
  state: State,
  input: Pick<Command, "at" | "minted">,
): Outcome => {
  const stranded = state.legs.filter((leg) => isPending(leg) && leg.stranded);
  if (state.phase !== "setup" || stranded.length === 0) return nothing;
  const { at } = input;
  const first = state.legs.length;
  const cancelled = stranded.map(({ id }): CallEvent => ({
    _tag: "LegCancelled",
    at,
    leg: id,
    reason: cancelReasons.edgeLost,
  }));
  const started = stranded.slice(0, mostLegs - first).flatMap((leg, n) => {
    const minted = input.minted.slice(n, n + 1);
    const target: Target = { ...leg, uri: leg.target };
    return start({ at, minted }, [target], first + n, leg.depth, [leg.slot]);
  });
  const events = [...cancelled, ...started];
  if (started.length > 0) return happened(...events);
  const left = pendingCallees(state).length - stranded.length;
  return conclude(state, at, events, left, { leg: stranded[0]!.id, status: 480 });
};
