/** An endpoint at run time: whom it hears, where it sends, and what it has counted. */
import type { Endpoint as Wanted } from "../../schemas/Media.ts";
import * as Packet from "../rtp/Packet.ts";
import type * as Sine from "../rtp/Sine.ts";
import * as Address from "../sdp/Address.ts";
import type { Pair } from "./PortPool.ts";

/** RTP or RTCP of an endpoint. Port 0 means: latch open (`heard`), nowhere (`target`). */
export interface Way {
  heardIp: string;
  heardPort: number;
  targetIp: string;
  targetPort: number;
}

/** What was received and sent; times by the worker's clock. */
export interface Traffic {
  packets: number;
  octets: number;
}

/** Sequence numbers of the source that is heard now (RFC 3550 appendix A.1, without probation). */
export interface Sequence {
  ssrc: number;
  /** -1 before the first packet. */
  next: number;
  /** Times that the sequence leapt, and the packets that it left out less those that came late. */
  gaps: number;
  missing: number;
}

export interface Tone {
  readonly hz: number;
  readonly payloadType: 0 | 8;
  readonly wave: Sine.Wave;
  readonly frame: Uint8Array;
  position: number;
  sequence: number;
  timestamp: number;
  readonly ssrc: number;
  started: boolean;
}

export interface Endpoint {
  readonly leg: number;
  readonly stream: number;
  pair: Pair<Endpoint> | null;
  /** Null while it is only reserved: it hears nobody. */
  wanted: Wanted | null;
  /** `latchFrom` in the spelling of the system, without what can be no peer. */
  sources: ReadonlyArray<string>;
  /** The endpoint that its packets go to, when it connects `ToLeg`. */
  to: Endpoint | null;
  tone: Tone | null;
  /** Source of what the echo sends: a peer that hears its own would suspect a loop. */
  echoSsrc: number;
  readonly rtp: Way;
  readonly rtcp: Way;
  readonly received: Traffic;
  readonly sent: Traffic;
  readonly sequence: Sequence;
  lastReceivedMs: number | null;
}

const way = (): Way => ({ heardIp: "", heardPort: 0, targetIp: "", targetPort: 0 });

/** An endpoint that is reserved. */
export const make = (leg: number, stream: number, echoSsrc: number): Endpoint => ({
  leg,
  stream,
  pair: null,
  wanted: null,
  sources: [],
  to: null,
  tone: null,
  echoSsrc,
  rtp: way(),
  rtcp: way(),
  received: { packets: 0, octets: 0 },
  sent: { packets: 0, octets: 0 },
  sequence: { ssrc: 0, next: -1, gaps: 0, missing: 0 },
  lastReceivedMs: null,
});

/** A first valid packet fixes the peer: it alone is heard and sent to. */
export const latch = (one: Way, ip: string, port: number): void => {
  one.heardIp = ip;
  one.heardPort = port;
  one.targetIp = ip;
  one.targetPort = port;
};

/** Where a way may send before it has latched; port 0 for nowhere. */
export interface Target {
  readonly ip: string;
  readonly port: number;
}

const nowhere: Target = { ip: "", port: 0 };

/** A target that is a host's port, in the system's spelling; otherwise nowhere (T29). */
export const target = (wanted: Target | null | undefined): Target => {
  if (wanted === null || wanted === undefined || !Address.isUnicast(wanted.ip)) return nowhere;
  const ip = Address.canonical(wanted.ip);
  return ip === undefined || wanted.port === 0 ? nowhere : { ip, port: wanted.port };
};

const aim = (one: Way, sources: ReadonlyArray<string>, remote: Target, changed: boolean): void => {
  if (one.heardPort !== 0 && !changed) return;
  one.heardIp = "";
  one.heardPort = 0;
  // Without an address by SDP, the last one serves until a packet latches again.
  if (remote.port === 0 && sources.includes(one.targetIp)) return;
  one.targetIp = remote.ip;
  one.targetPort = remote.port;
};

/** Puts a wanted state into force, connections aside. */
export const configure = (endpoint: Endpoint, wanted: Wanted): void => {
  const changed = endpoint.wanted !== null && endpoint.wanted.sdp !== wanted.sdp;
  endpoint.sources = wanted.latchFrom.flatMap((ip) =>
    Address.isUnicast(ip) ? Address.canonical(ip) ?? [] : []
  );
  aim(endpoint.rtp, endpoint.sources, target(wanted.remote?.rtp), changed);
  aim(endpoint.rtcp, endpoint.sources, target(wanted.remote?.rtcp), changed);
  endpoint.wanted = wanted;
};

/** Counts a valid RTP packet that was heard. */
export const count = (
  endpoint: Endpoint,
  bytes: Uint8Array,
  length: number,
  nowMs: number,
): void => {
  const { received, sequence } = endpoint;
  received.packets++;
  received.octets += length;
  endpoint.lastReceivedMs = nowMs;
  const number = Packet.sequence(bytes);
  const ssrc = Packet.ssrc(bytes);
  if (sequence.next < 0 || sequence.ssrc !== ssrc) {
    sequence.ssrc = ssrc;
    sequence.next = (number + 1) & 0xffff;
    return;
  }
  const ahead = (number - sequence.next) & 0xffff;
  if (ahead >= 0x8000) {
    // Late or repeated: it fills a hole if there is one.
    if (sequence.missing > 0) sequence.missing--;
    return;
  }
  if (ahead > 0) {
    sequence.gaps++;
    sequence.missing += ahead;
  }
  sequence.next = (number + 1) & 0xffff;
};
