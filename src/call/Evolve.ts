/** How events change a call. Total: an event that does not fit changes nothing. */
import type { CallEvent } from "../../schemas/CallEvent.ts";
import type { LegId } from "../../schemas/Ids.ts";
import * as OfferAnswer from "../sdp/OfferAnswer.ts";
import * as Media from "./Media.ts";
import {
  type Exchange,
  initial,
  isAnotherFork,
  isPending,
  type Leg,
  slotsOfRedirection,
  type State,
} from "./State.ts";

type Of<Tag extends CallEvent["_tag"]> = Extract<CallEvent, { _tag: Tag }>;

/** Changes one leg. */
const change = (state: State, id: LegId, how: (leg: Leg) => Leg): State =>
  state.legs[id] === undefined
    ? state
    : { ...state, legs: state.legs.map((leg) => leg.id === id ? how(leg) : leg) };

/** One more configuration of the relay. */
const reconfigured = (state: State): State => ({ ...state, generation: state.generation + 1 });

export const evolve = (state: State, event: CallEvent): State => {
  switch (event._tag) {
    case "CallOffered":
      return state.phase === "idle" ? offered(event) : state;
    case "MediaReserved":
      return reconfigured({ ...state, relay: event.relay });
    case "LegStarted":
      return started(state, event);
    case "LegRang":
      return rang(state, event);
    case "LegAnswered":
      return legAnswered(state, event);
    case "CallAnswered":
      return callAnswered(state, event);
    case "FeatureAnswered":
      return featureAnswered(state, event);
    case "LegRefused":
      return refused(state, event.leg, event.status);
    case "LegFailed":
      return refused(state, event.leg, 408);
    case "LegCancelled":
      return heardOn(change(state, event.leg, (leg) => ({ ...leg, phase: "cancelled" })));
    case "AnswerDeclined":
      return declined(state, event);
    case "LegRedirected": {
      const lookups = state.lookups + 1;
      const nextSlot = state.nextSlot + slotsOfRedirection;
      return heardOn(change({ ...state, lookups, nextSlot }, event.leg, gone));
    }
    case "RedirectResolved":
      return { ...state, lookups: Math.max(0, state.lookups - 1) };
    case "AnswerConfirmed":
    case "MediaOffered":
    case "MediaAnswered":
    case "MediaCancelled":
    case "MediaRefused":
      return exchanged(state, event);
    case "CallEnded":
      return over(state, event);
    case "EdgeLost":
      return edgeLost(state, event);
  }
};

const gone = (leg: Leg): Leg => ({ ...leg, phase: "ended" });

/** When the fork whose early media the caller hears is gone, another one's is heard. */
const heardOn = (state: State): State => {
  const heard = state.early === null ? undefined : state.legs[state.early];
  if (state.phase !== "setup" || heard === undefined || isPending(heard)) return state;
  const next = state.legs.findLast((leg) => isPending(leg) && leg.shown !== null);
  return next === undefined
    ? { ...state, early: null }
    : reconfigured({ ...state, early: next.id });
};

/** Tags that are remembered of one leg: a proxy that forks without end is not worth more. */
const mostDeclined = 32;

const declined = (state: State, { leg: id, remoteTag }: Of<"AnswerDeclined">): State => {
  const leg = state.legs[id];
  const wasHope = state.phase === "setup" && leg !== undefined && isPending(leg);
  const refusals = wasHope ? [...state.refusals, { leg: id, status: 488 }] : state.refusals;
  return heardOn(change({ ...state, refusals }, id, (leg) => ({
    ...leg,
    phase: leg.phase === "up" ? "up" : "ended",
    declined: [...leg.declined, remoteTag].slice(-mostDeclined),
  })));
};

const offered = (event: Of<"CallOffered">): State => {
  const { at, caller, dialled, headers, hop, maxForwards, path, policy } = event;
  const leg: Leg = {
    id: 0,
    phase: "calling",
    party: caller,
    callId: path.callId,
    localTag: event.tag,
    remoteTag: event.remoteTag,
    target: event.contact,
    routeSet: event.routeSet,
    hop,
    edge: path.flow.edge,
    cseq: 0,
    answered: 0,
    remoteCseq: path.cseq,
    path,
    media: OfferAnswer.initial,
    described: 0,
    heard: 0,
    slot: 0,
    forkTag: "",
    shown: null,
    heardTag: "",
    status: 0,
    depth: 0,
    declined: [],
    stranded: false,
  };
  return {
    ...initial,
    phase: "setup",
    policy,
    caller,
    dialled,
    from: path.from,
    to: path.to,
    maxForwards,
    headers,
    startedAt: at,
    legs: [Media.exchange(leg, { from: "peer", message: "Invite", body: event.sdp })],
  };
};

const started = (state: State, event: Of<"LegStarted">): State => {
  const caller = state.legs[0];
  if (caller === undefined || event.leg !== state.legs.length) return state;
  const leg: Leg = {
    id: event.leg,
    phase: "calling",
    party: event.party,
    callId: event.callId,
    localTag: event.tag,
    remoteTag: "",
    target: event.target,
    routeSet: event.routeSet,
    hop: event.hop,
    edge: event.edge,
    cseq: 1,
    answered: 0,
    remoteCseq: 0,
    path: null,
    media: OfferAnswer.initial,
    described: 0,
    heard: 0,
    slot: event.slot,
    forkTag: event.forkTag,
    shown: null,
    heardTag: "",
    status: 0,
    depth: event.depth,
    declined: [],
    stranded: false,
  };
  const offer = caller.media.offer?.body ?? null;
  const body = offer === null ? null : Media.bodyFor(state, leg, offer);
  const invited = Media.exchange(leg, { from: "us", message: "Invite", body });
  const nextSlot = Math.max(state.nextSlot, event.slot + 1);
  return { ...state, nextSlot, legs: [...state.legs, invited] };
};

const rang = (state: State, event: Of<"LegRang">): State => {
  const ringingAt = state.ringingAt ?? event.at;
  const after = change({ ...state, ringingAt }, event.leg, (leg) => {
    const ringing: Leg = {
      ...speaking(state, leg, event),
      phase: isPending(leg) ? "ringing" : leg.phase,
      remoteTag: event.remoteTag,
      status: event.status,
    };
    return Media.exchange(ringing, { from: "peer", message: "Provisional", body: event.sdp });
  });
  return event.sdp === null ? after : show(after, event.leg, event.sdp);
};

/**
 * The leg as the dialog that now describes itself has it. What another one said before (a proxy
 * forked our INVITE) is not its, and was shown to the caller under another tag.
 */
const speaking = (state: State, leg: Leg, event: Of<"LegRang" | "LegAnswered">): Leg => {
  if (event.sdp === null) return leg;
  const heardTag = event.remoteTag;
  if (!isAnotherFork(leg, event)) return { ...leg, heardTag };
  return {
    ...leg,
    heardTag,
    media: OfferAnswer.fork(leg.media),
    forkTag: event.forkTag ?? leg.forkTag,
    shown: state.legs[0]?.media ?? null,
  };
};

/** A fork shows the caller SDP before the answer: an early dialog with a machine of its own. */
const show = (state: State, id: LegId, body: string): State => {
  const caller = state.legs[0];
  if (caller?.media.invite?.offered !== true || state.legs[id] === undefined) return state;
  const shown = { from: "us", message: "Provisional", body: Media.bodyFor(state, caller, body) };
  const [media] = OfferAnswer.step(caller.media, shown as OfferAnswer.Input);
  const described = change(state, 0, (leg) => ({ ...leg, described: leg.described + 1 }));
  const after = change(described, id, (leg) => ({ ...leg, shown: media }));
  return reconfigured({ ...after, early: id });
};

const legAnswered = (state: State, event: Of<"LegAnswered">): State =>
  change(state, event.leg, (leg) =>
    Media.exchange({
      ...speaking(state, leg, event),
      phase: "up",
      answered: leg.cseq,
      remoteTag: event.remoteTag,
      target: event.contact ?? leg.target,
      routeSet: event.routeSet,
      hop: { ...leg.hop, flow: event.flow },
    }, { from: "peer", message: "Success", body: event.sdp }));

/** The callee's description goes to the caller: as answer, or as offer where none was brought. */
const callAnswered = (state: State, event: Of<"CallAnswered">): State => {
  const callee = state.legs[event.leg];
  const theirs = callee?.media.offer?.body ?? callee?.media.remote ?? null;
  if (callee === undefined || theirs === null) return state;
  const after = change(state, 0, (leg) => {
    const own: Leg = callee.shown === null
      ? leg
      : { ...leg, media: callee.shown, localTag: callee.forkTag };
    const body = callee.shown?.invite?.response ?? Media.bodyFor(state, leg, theirs);
    return up(Media.exchange(own, { from: "us", message: "Success", body }));
  });
  const shownOnce = change(after, event.leg, (leg) => ({ ...leg, shown: null }));
  return reconfigured({
    ...shownOnce,
    phase: "up",
    callee: event.leg,
    early: null,
    lookups: 0,
    answeredAt: event.at,
  });
};

const up = (leg: Leg): Leg => ({ ...leg, phase: "up", path: null });

const featureAnswered = (state: State, event: Of<"FeatureAnswered">): State => {
  const after = change(state, 0, (leg) => up(featureExchange(state, event.feature, leg)));
  return reconfigured({
    ...after,
    phase: "up",
    feature: event.feature,
    answeredAt: event.at,
  });
};

const featureExchange = (state: State, feature: "echo" | "tone", leg: Leg): Leg => {
  const offer = leg.media.offer?.body ?? null;
  const body = Media.featureBody(state, feature, leg, offer) ?? null;
  return Media.exchange(leg, { from: "us", message: "Success", body });
};

const refused = (state: State, leg: LegId, status: number): State =>
  heardOn(change({ ...state, refusals: [...state.refusals, { leg, status }] }, leg, gone));

const exchanged = (
  state: State,
  event: Of<
    "AnswerConfirmed" | "MediaOffered" | "MediaAnswered" | "MediaCancelled" | "MediaRefused"
  >,
): State => {
  switch (event._tag) {
    case "MediaCancelled":
      return state.exchange === null
        ? state
        : { ...state, exchange: { ...state.exchange, cancelled: true } };
    case "MediaOffered":
      return mediaOffered(state, event);
    case "MediaAnswered":
      return mediaAnswered(state, event);
    case "MediaRefused": {
      const from = state.exchange?.from ?? 0;
      const failed = { message: "Failure", body: null } as const;
      const asker = change(state, from, (leg) => ({
        ...Media.exchange(leg, { from: "us", ...failed }),
        path: null,
      }));
      const after = change(
        asker,
        event.leg,
        (leg) => Media.exchange(leg, { from: "peer", ...failed }),
      );
      return { ...after, exchange: null };
    }
    case "AnswerConfirmed":
      return confirmed(state, event);
  }
};

const mediaOffered = (state: State, event: Of<"MediaOffered">): State => {
  const { leg: from, path, sdp } = event;
  const asked = change(state, from, (leg) =>
    Media.exchange({
      ...leg,
      path,
      remoteCseq: event.cseq,
      target: event.contact ?? leg.target,
      hop: { ...leg.hop, flow: event.flow },
    }, { from: "peer", message: "Invite", body: sdp }));
  if (state.feature !== null) return asked;
  const to = from === 0 ? state.callee : 0;
  if (to === null) return asked;
  const passed = change(asked, to, (leg) => {
    const body = sdp === null ? null : Media.bodyFor(state, leg, sdp);
    const invited = { ...leg, cseq: leg.cseq + 1 };
    return Media.exchange(invited, { from: "us", message: "Invite", body });
  });
  const exchange: Exchange = {
    from,
    to,
    late: sdp === null,
    phase: "offered",
    since: event.at,
    cancelled: false,
  };
  return { ...passed, exchange };
};

const mediaAnswered = (state: State, event: Of<"MediaAnswered">): State => {
  if (state.feature !== null) {
    const feature = state.feature;
    const after = change(state, event.leg, (leg) => ({
      ...featureExchange(state, feature, leg),
      path: null,
    }));
    return reconfigured(after);
  }
  const { exchange } = state;
  if (exchange === null) return state;
  const answered = change(
    state,
    event.leg,
    (leg) =>
      Media.exchange({ ...leg, answered: leg.cseq, target: event.contact ?? leg.target }, {
        from: "peer",
        message: "Success",
        body: event.sdp,
      }),
  );
  const after = change(answered, exchange.from, (leg) => {
    const body = event.sdp === null ? null : Media.bodyFor(state, leg, event.sdp);
    const told = { ...leg, path: null };
    return Media.exchange(told, { from: "us", message: "Success", body });
  });
  const next = exchange.late ? { ...exchange, phase: "answered" as const } : null;
  return reconfigured({ ...after, exchange: next });
};

/** The late answer came in the ACK and goes on in ours. */
const confirmed = (state: State, event: Of<"AnswerConfirmed">): State => {
  const { sdp } = event;
  const heard = change(
    state,
    event.leg,
    (leg) => Media.exchange(leg, { from: "peer", message: "Ack", body: sdp }),
  );
  const to = event.leg === 0 ? state.callee : 0;
  if (to === null || state.feature !== null) return reconfigured(heard);
  const after = change(heard, to, (leg) => {
    const body = sdp === null ? null : Media.bodyFor(state, leg, sdp);
    return Media.exchange(leg, { from: "us", message: "Ack", body });
  });
  return reconfigured({ ...after, exchange: null });
};

/** What may still come is matched by tags; everything else of an ended call is let go. */
const over = (state: State, { cause, endedBy, status }: Of<"CallEnded">): State => ({
  ...state,
  phase: "ended",
  headers: [],
  refusals: [],
  exchange: null,
  lookups: 0,
  relay: null,
  strandedAt: 0,
  ended: { cause, endedBy, status },
  legs: state.legs.map((leg): Leg => ({
    ...leg,
    phase: leg.id > 0 && isPending(leg)
      ? "cancelled"
      : leg.phase === "cancelled"
      ? "cancelled"
      : "ended",
    path: null,
    media: OfferAnswer.initial,
    shown: null,
  })),
});

const edgeLost = (state: State, event: Of<"EdgeLost">): State => {
  if (state.phase !== "setup") return state;
  const isStranded = (leg: Leg) => leg.id > 0 && isPending(leg) && leg.edge === event.edge;
  if (!state.legs.some(isStranded)) return state;
  return {
    ...state,
    strandedAt: event.at,
    legs: state.legs.map((leg) => isStranded(leg) ? { ...leg, stranded: true } : leg),
  };
};
