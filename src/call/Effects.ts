/** What follows from an event: messages to the peers, and orders to the media worker. */
import type { CallEvent } from "../../schemas/CallEvent.ts";
import type { Effect } from "../../schemas/Effect.ts";
import type { Endpoint } from "../../schemas/Media.ts";
import type { HeaderField } from "../../schemas/Sip.ts";
import * as Dialog from "./Dialog.ts";
import * as Media from "./Media.ts";
import {
  cancelReasons,
  isPending,
  type Leg,
  otherOf,
  slotsOfRedirection,
  type State,
} from "./State.ts";

type Of<Tag extends CallEvent["_tag"]> = Extract<CallEvent, { _tag: Tag }>;

export const effectsOf = (
  before: State,
  event: CallEvent,
  after: State,
): ReadonlyArray<Effect> => [...signalling(before, event, after), ...relay(before, event, after)];

const signalling = (
  before: State,
  event: CallEvent,
  after: State,
): ReadonlyArray<Effect> => {
  switch (event._tag) {
    case "LegStarted": {
      const leg = after.legs[event.leg];
      return leg === undefined ? [] : [Dialog.invite(after, leg)];
    }
    case "LegRang":
      return rang(event, after);
    case "LegAnswered": {
      const leg = after.legs[event.leg];
      // A callee that offers in its 2xx gets its ACK with the caller's answer.
      return leg === undefined || leg.media.offer !== null ? [] : [Dialog.ack(after, leg, null)];
    }
    case "CallAnswered":
    case "FeatureAnswered":
      return answered(before, after);
    case "LegCancelled": {
      const leg = before.legs[event.leg];
      // With 200 a phone shows no missed call (RFC 3326): somebody has it, or it comes anew.
      const cause = event.reason === cancelReasons.declined ? 603 : 200;
      const reason = `SIP;cause=${cause};text="${event.reason}"`;
      return leg === undefined ? [] : [Dialog.cancel(before, leg, reason)];
    }
    case "AnswerDeclined": {
      const leg = before.legs[event.leg];
      return leg === undefined ? [] : Dialog.decline(before, leg, event);
    }
    case "LegRedirected":
      return redirected(before, event);
    case "AnswerConfirmed": {
      const other = otherOf(after, event.leg);
      return other === undefined ? [] : [Dialog.ack(after, other, Media.ours(other))];
    }
    case "MediaOffered": {
      const to = after.exchange === null ? undefined : after.legs[after.exchange.to];
      return to === undefined ? [] : [Dialog.invite(after, to)];
    }
    case "MediaAnswered":
      return mediaAnswered(before, event, after);
    case "MediaCancelled": {
      const to = before.legs[event.leg];
      return to === undefined ? [] : [Dialog.cancel(before, to, event.reason ?? null)];
    }
    case "MediaRefused": {
      const from = before.legs[before.exchange?.from ?? -1];
      return from === undefined || from.path === null
        ? []
        : [Dialog.respond(before, from, from.path, { status: event.status })];
    }
    case "CallEnded":
      return before.legs.flatMap((leg) => ended(before, event, leg));
    default:
      return [];
  }
};

const rang = (event: Of<"LegRang">, after: State): ReadonlyArray<Effect> => {
  const caller = after.legs[0];
  if (caller === undefined || caller.path === null) return [];
  const fork = after.legs[event.leg];
  const shown = fork?.heardTag === event.remoteTag ? fork.shown : null;
  const sdp = event.sdp === null ? null : shown?.invite?.response ?? null;
  return [Dialog.respond(after, caller, caller.path, {
    status: event.status,
    sdp,
    headers: event.headers,
    // A fork that has shown itself keeps its tag.
    ...(shown === null || fork === undefined ? {} : { tag: fork.forkTag }),
  })];
};

const answered = (
  before: State,
  after: State,
): ReadonlyArray<Effect> => {
  const path = before.legs[0]?.path;
  const caller = after.legs[0];
  return path === null || path === undefined || caller === undefined || after.phase !== "up"
    ? []
    : [Dialog.respond(after, caller, path, {
      status: 200,
      sdp: Media.ours(caller),
    })];
};

const redirected = (before: State, event: Of<"LegRedirected">): ReadonlyArray<Effect> => [{
  performer: { _tag: "Host" },
  slot: `targets:${event.leg}`,
  body: {
    _tag: "FindTargets",
    leg: event.leg,
    users: event.users,
    depth: before.legs[event.leg]?.depth ?? 0,
    slots: Array.from({ length: slotsOfRedirection }, (_, n) => before.nextSlot + n),
  },
  standing: false,
}];

const mediaAnswered = (
  before: State,
  event: Of<"MediaAnswered">,
  after: State,
): ReadonlyArray<Effect> => {
  const { exchange } = before;
  const asker = after.legs[exchange === null ? event.leg : exchange.from];
  const path = asker === undefined ? null : before.legs[asker.id]?.path ?? null;
  if (asker === undefined || path === null) return [];
  const told = Dialog.respond(after, asker, path, { status: 200, sdp: Media.ours(asker) });
  const answerer = after.legs[event.leg];
  // The ACK of a late offer waits for the asker's answer; a 2xx without an offer gets it at once.
  const waits = exchange === null || (exchange.late && event.sdp !== null);
  return waits || answerer === undefined ? [told] : [Dialog.ack(after, answerer, null), told];
};

/** How each leg learns that the call is over. */
const ended = (
  before: State,
  { cause, endedBy, reason, status }: Of<"CallEnded">,
  leg: Leg,
): ReadonlyArray<Effect> => {
  const given: ReadonlyArray<HeaderField> = reason === undefined ? [] : [["Reason", reason]];
  if (leg.id > 0 && isPending(leg)) {
    return [Dialog.cancel(before, leg, reason ?? cancelReason(cause))];
  }
  if (leg.phase === "up") {
    const side = leg.id === 0 ? "caller" : "callee";
    // RFC 3261 15.1.2: a request that is still pending gets 487.
    const open = leg.path === null ? [] : [Dialog.respond(before, leg, leg.path, { status: 487 })];
    const owed = leg.media.offer?.by === "peer" && leg.media.offer.carrier === "Success"
      ? [Dialog.ack(before, leg, Dialog.refusingAnswer(before, leg))]
      : [];
    const hungUp = cause === "hangup" && endedBy === side;
    return [...open, ...owed, ...(hungUp ? [] : [Dialog.bye(before, leg, given)])];
  }
  if (leg.id > 0 || leg.path === null) return [];
  const headers: ReadonlyArray<HeaderField> = status === 503 ? [["Retry-After", "10"]] : [];
  return [Dialog.respond(before, leg, leg.path, { status, headers })];
};

const cancelReason = (cause: Of<"CallEnded">["cause"]): string | null =>
  cause === "noAnswer" ? 'SIP;cause=480;text="No answer"' : null;

/** The relay follows the state; what is wanted stands until the call is over. */
const relay = (before: State, event: CallEvent, after: State): ReadonlyArray<Effect> => {
  const held = after.relay ?? before.relay;
  if (held === null) return [];
  const order = (body: Effect["body"], standing: boolean): ReadonlyArray<Effect> => [{
    performer: { _tag: "Media", id: held.worker },
    slot: "relay:0",
    body,
    standing,
  }];
  const name = held.call;
  if (event._tag === "CallEnded") {
    const generation = before.generation + 1;
    return order({ _tag: "ReleaseRelay", relay: name, generation }, false);
  }
  if (after.generation === before.generation || after.relay === null) return [];
  const configure = (endpoints: ReadonlyArray<Endpoint>): ReadonlyArray<Effect> =>
    order({ _tag: "ConfigureRelay", relay: name, generation: after.generation, endpoints }, true);
  const joined = after.phase === "up" || after.early !== null;
  if (joined) return configure(Media.endpoints(after));
  // Until there is somebody to hear, the reservation holds the ports. It dies with its worker.
  return configure(after.relay.ports.map(Media.closed)).map((one) => ({ ...one, inForce: true }));
};

/** Slots whose effects an event proves to be performed, or makes pointless. */
export const confirms = (before: State, event: CallEvent): ReadonlyArray<string> => {
  switch (event._tag) {
    case "LegRang":
    case "LegAnswered":
    case "LegRefused":
    case "LegFailed":
    case "LegCancelled":
    case "MediaAnswered":
    case "MediaRefused":
      return [`invite:${event.leg}`];
    case "AnswerConfirmed":
      return [`response:${event.leg}`];
    case "RedirectResolved":
      return [`targets:${event.leg}`];
    case "EdgeLost":
      return before.phase === "setup"
        ? before.legs
          .filter((leg) => isPending(leg) && leg.edge === event.edge)
          .map(({ id }) => `invite:${id}`)
        : [];
    case "CallEnded": {
      const open = before.legs.flatMap(({ id }) => [`invite:${id}`, `targets:${id}`]);
      // A caller that hangs up has its answer: after a restart it is not repeated to it.
      const heard = event.cause === "hangup" && event.endedBy === "caller";
      return heard ? [...open, "response:0"] : open;
    }
    default:
      return [];
  }
};
