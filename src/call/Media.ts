/** Descriptions and relay of a call: what each leg is told, and what the media worker shall do. */
import type { Relay } from "../../schemas/CallEvent.ts";
import type { Endpoint } from "../../schemas/Media.ts";
import { Result } from "effect";
import * as Address from "../sdp/Address.ts";
import * as Answer from "../sdp/Answer.ts";
import * as Direction from "../sdp/Direction.ts";
import * as OfferAnswer from "../sdp/OfferAnswer.ts";
import * as Parse from "../sdp/Parse.ts";
import * as Print from "../sdp/Print.ts";
import * as Rewrite from "../sdp/Rewrite.ts";
import type * as Session from "../sdp/Session.ts";
import { isLive, type Leg, type State } from "./State.ts";

/**
 * Descriptions that were read lately: each is asked for half a dozen times within milliseconds. No
 * one can tell this from parsing again.
 */
const lately = new Map<string, Session.Session | undefined>();
const mostLately = 256;

/** Undefined for a body that is no description; the edge has refused those already. */
const parse = (body: string): Session.Session | undefined => {
  const known = lately.get(body);
  if (known !== undefined) return known;
  const parsed = Parse.parse(body);
  const session = Result.isSuccess(parsed) ? parsed.success : undefined;
  if (lately.size >= mostLately) lately.delete(lately.keys().next().value!);
  lately.set(body, session);
  return session;
};

/** How we appear to a leg in the next description. */
const appearance = (state: State, leg: Leg): Rewrite.Appearance => ({
  origin: {
    username: "-",
    sessionId: String(state.startedAt * 128 + leg.slot),
    version: String(leg.described + 1),
  },
  address: state.relay?.address ?? "0.0.0.0",
  port: (index) => portOf(state, leg.slot, index),
});

const portOf = (state: State, slot: number, stream: number): number | undefined =>
  state.relay?.ports.find((port) => port.leg === slot && port.stream === stream)?.port;

/** The other side's body as this leg shall see it. */
export const bodyFor = (state: State, leg: Leg, body: string): string => {
  const session = parse(body);
  return session === undefined
    ? body
    : Print.print(Rewrite.rewrite(session, appearance(state, leg)));
};

/** An offer with every stream refused. */
export const refusedBody = (state: State, leg: Leg, body: string): string | null => {
  const session = parse(body);
  const us: Rewrite.Appearance = { ...appearance(state, leg), port: () => undefined };
  return session === undefined ? null : Print.print(Rewrite.rewrite(session, us));
};

/** Our own answer (or offer, when the caller brought none) for a feature. */
export const featureBody = (
  state: State,
  feature: Answer.Feature,
  leg: Leg,
  offered: string | null,
): string | undefined => {
  const us = appearance(state, leg);
  const session = offered === null ? undefined : parse(offered);
  const own = offered === null
    ? Answer.offer(feature, us)
    : session === undefined
    ? undefined
    : Answer.answer(session, feature, us);
  return own === undefined ? undefined : Print.print(own);
};

/** What we last told a leg: the open offer, else what is in force. */
export const ours = ({ media }: Leg): string | null =>
  media.offer?.by === "us" ? media.offer.body : media.local;

/** What the peer last told us that media may follow already. */
const theirs = ({ media }: Leg): string | null =>
  media.remote ?? (media.offer?.by === "peer" ? media.offer.body : null);

/** True when a feature has a codec in common with an offer; without an offer it makes its own. */
export const suitsFeature = (feature: Answer.Feature, offered: string | null): boolean => {
  const session = offered === null ? undefined : parse(offered);
  return session === undefined || Answer.streamOf(session, feature) !== undefined;
};

/** False for a description that cannot answer our open offer (RFC 3264 section 6). */
export const canAnswer = ({ media: { offer } }: Leg, body: string): boolean => {
  const offered = offer?.by === "us" ? parse(offer.body) : undefined;
  const answered = parse(body);
  return offered === undefined || answered === undefined ||
    Answer.fault(offered, answered) === undefined;
};

/** One message through the leg's offer/answer machine. */
export const exchange = (leg: Leg, input: OfferAnswer.Input): Leg => {
  const [media] = OfferAnswer.step(leg.media, input);
  const made = input.from === "us" && ours({ ...leg, media }) !== ours(leg);
  const heard = theirs({ ...leg, media }) !== theirs(leg);
  return {
    ...leg,
    media,
    described: leg.described + (made ? 1 : 0),
    heard: leg.heard + (heard ? 1 : 0),
  };
};

/** Streams that a body needs of the relay; at least audio, when nothing is known yet. */
export const streamsOf = (body: string | null): ReadonlyArray<number> => {
  const session = body === null ? undefined : parse(body);
  return session === undefined ? [0] : Rewrite.streams(session).map(({ index }) => index);
};

/** The whole wanted state of the relay. */
export const endpoints = (state: State): ReadonlyArray<Endpoint> =>
  state.legs.filter(isLive).flatMap((leg) => {
    const body = theirs(leg);
    const session = body === null ? undefined : parse(body);
    const streams = session === undefined ? [] : Rewrite.streams(session);
    return (state.relay?.ports ?? [])
      .filter((port) => port.leg === leg.slot)
      .map(({ stream, port }) =>
        endpoint(state, leg, stream, port, streams.find(({ index }) => index === stream))
      );
  });

/** Holds a port, hears nobody. */
export const closed = ({ leg, port, stream }: Relay["ports"][number]): Endpoint => ({
  leg,
  stream,
  port,
  remote: null,
  latchFrom: [],
  sdp: 0,
  receives: false,
  sends: false,
  connect: { _tag: "Nothing" },
});

const endpoint = (
  state: State,
  leg: Leg,
  stream: number,
  port: number,
  described: Rewrite.Stream | undefined,
): Endpoint => {
  const source = leg.hop.flow?.remote.ip;
  const allowed = (ip: string | null | undefined): ip is string =>
    ip !== null && ip !== undefined &&
    (ip === source || Address.within(state.policy.mediaNetworks, ip));
  const latchFrom = [source, described?.ip].filter(allowed);
  const remote = described !== undefined && allowed(described.ip) && allowed(described.rtcpIp)
    ? {
      rtp: { ip: described.ip, port: described.rtpPort },
      rtcp: { ip: described.rtcpIp, port: described.rtcpPort },
    }
    : null;
  return {
    leg: leg.slot,
    stream,
    port,
    remote,
    latchFrom: [...new Set(latchFrom)],
    sdp: leg.heard,
    receives: described !== undefined && Direction.sends(described.direction),
    sends: described !== undefined && Direction.receives(described.direction),
    connect: connection(state, leg),
  };
};

const connection = (state: State, leg: Leg): Endpoint["connect"] => {
  if (state.feature === "echo") return { _tag: "Echo" };
  if (state.feature === "tone") {
    const session = parse(theirs(leg) ?? "");
    const payloadType = session === undefined ? undefined : Answer.tonePayloadType(session);
    return payloadType === undefined ? { _tag: "Nothing" } : { _tag: "Tone", hz: 440, payloadType };
  }
  const joined = state.callee ?? state.early;
  const other = joined === null ? undefined : state.legs[joined];
  if (other === undefined) return { _tag: "Nothing" };
  if (leg.id === 0) return { _tag: "ToLeg", leg: other.slot };
  return leg.id === other.id ? { _tag: "ToLeg", leg: 0 } : { _tag: "Nothing" };
};
