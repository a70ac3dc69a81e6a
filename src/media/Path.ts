/**
 * The way of a packet through the relay: plain functions, no object for a packet. Whatever is not
 * forwarded is counted by its reason.
 */
import type * as Counters from "../telemetry/Counters.ts";
import * as Packet from "../rtp/Packet.ts";
import * as Rtcp from "../rtp/Rtcp.ts";
import * as Endpoint from "./Endpoint.ts";

/** Why a packet was dropped. */
const reasons = [
  /** The port belongs to no call. */
  "idle",
  /** From an address that may not fix the peer, or that is not the fixed one. */
  "source",
  "malformed",
  "oversize",
  /** The stream's direction does not allow it (hold). */
  "direction",
  /** The endpoint connects to nothing that exists. */
  "unconnected",
  /** We know no address yet to which we may send. */
  "untargeted",
  /** Received by an endpoint that forwards nothing: a tone, an echo's RTCP. */
  "absorbed",
  /** Our own packets at an echo: they would go round for ever. */
  "looped",
  "receiveFailed",
  "sendFailed",
] as const;
export type Reason = typeof reasons[number];

interface Tally {
  readonly received: Counters.Counter;
  readonly sent: Counters.Counter;
  readonly latched: Counters.Counter;
  readonly dropped: Readonly<Record<Reason, Counters.Counter>>;
}

export interface Path {
  readonly rtp: Tally;
  readonly rtcp: Tally;
  readonly now: () => number;
  readonly random32: () => number;
  /** True for the worker's own media addresses. */
  readonly isOwn: (ip: string, port: number) => boolean;
}

const tally = (counters: Counters.Counters, kind: "rtp" | "rtcp"): Tally => {
  const dropped = (reason: Reason) => counters.counter("media_dropped_total", { kind, reason });
  return {
    received: counters.counter("media_received_total", { kind }),
    sent: counters.counter("media_sent_total", { kind }),
    latched: counters.counter("media_latched_total", { kind }),
    dropped: Object.fromEntries(reasons.map((reason) => [reason, dropped(reason)])) as Record<
      Reason,
      Counters.Counter
    >,
  };
};

export const make = (
  counters: Counters.Counters,
  environment: Pick<Path, "now" | "random32" | "isOwn">,
): Path => ({ rtp: tally(counters, "rtp"), rtcp: tally(counters, "rtcp"), ...environment });

/** True when the source is the latched one, or may latch now. */
const isHeard = (
  way: Endpoint.Way,
  sources: ReadonlyArray<string>,
  ip: string,
  port: number,
): boolean =>
  way.heardPort === 0 ? sources.includes(ip) : way.heardPort === port && way.heardIp === ip;

/** Sends RTP to the endpoint's peer, if its direction and addresses allow. */
export const sendRtp = (
  path: Path,
  to: Endpoint.Endpoint,
  bytes: Uint8Array,
  length: number,
): boolean => {
  const { pair, wanted, rtp, sent } = to;
  if (wanted === null || pair === null || !wanted.sends) {
    path.rtp.dropped.direction.value++;
    return false;
  }
  if (rtp.targetPort === 0) {
    path.rtp.dropped.untargeted.value++;
    return false;
  }
  pair.rtp.send(bytes, length, rtp.targetIp, rtp.targetPort);
  sent.packets++;
  sent.octets += length;
  path.rtp.sent.value++;
  return true;
};

/** Returns a packet to its sender under a source of our own. */
const echo = (
  path: Path,
  endpoint: Endpoint.Endpoint,
  bytes: Uint8Array,
  length: number,
  isNewSource: boolean,
): void => {
  const { rtp } = endpoint;
  if (path.isOwn(rtp.heardIp, rtp.heardPort)) {
    path.rtp.dropped.looped.value++;
    return;
  }
  if (isNewSource) endpoint.echoSsrc = path.random32();
  Packet.writeSsrc(bytes, endpoint.echoSsrc);
  sendRtp(path, endpoint, bytes, length);
};

/** A datagram on an RTP port. */
export const receiveRtp = (
  path: Path,
  from: Endpoint.Endpoint | null,
  bytes: Uint8Array,
  length: number,
  ip: string,
  port: number,
): void => {
  const { dropped, received, latched } = path.rtp;
  received.value++;
  if (from === null || from.wanted === null) return void dropped.idle.value++;
  const { rtp, wanted } = from;
  if (!isHeard(rtp, from.sources, ip, port)) return void dropped.source.value++;
  // RTCP has a port of its own here: on this one it is a forgery or a mistake (RFC 5761).
  if (Packet.fault(bytes, length) !== null || Rtcp.isRtcp(bytes, length)) {
    return void dropped.malformed.value++;
  }
  if (rtp.heardPort === 0) {
    Endpoint.latch(rtp, ip, port);
    latched.value++;
  }
  const known = from.sequence.next >= 0 && from.sequence.ssrc === Packet.ssrc(bytes);
  Endpoint.count(from, bytes, length, path.now());
  if (!wanted.receives) return void dropped.direction.value++;
  switch (wanted.connect._tag) {
    case "ToLeg":
      if (from.to === null) return void dropped.unconnected.value++;
      sendRtp(path, from.to, bytes, length);
      return;
    case "Echo":
      return echo(path, from, bytes, length, !known);
    case "Tone":
    case "Nothing":
      return void dropped.absorbed.value++;
  }
};

/** A datagram on an RTCP port. Reports flow during a hold too (RFC 3264 section 5.1). */
export const receiveRtcp = (
  path: Path,
  from: Endpoint.Endpoint | null,
  bytes: Uint8Array,
  length: number,
  ip: string,
  port: number,
): void => {
  const { dropped, received, sent, latched } = path.rtcp;
  received.value++;
  if (from === null || from.wanted === null) return void dropped.idle.value++;
  const { rtcp, wanted } = from;
  if (!isHeard(rtcp, from.sources, ip, port)) return void dropped.source.value++;
  if (Rtcp.fault(bytes, length) !== null) return void dropped.malformed.value++;
  if (rtcp.heardPort === 0) {
    Endpoint.latch(rtcp, ip, port);
    latched.value++;
  }
  if (wanted.connect._tag !== "ToLeg") return void dropped.absorbed.value++;
  const { to } = from;
  if (to === null || to.pair === null) return void dropped.unconnected.value++;
  if (to.rtcp.targetPort === 0) return void dropped.untargeted.value++;
  to.pair.rtcp.send(bytes, length, to.rtcp.targetIp, to.rtcp.targetPort);
  sent.value++;
};
