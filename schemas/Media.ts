/**
 * What the core asks of a media worker. A relay belongs to one call; it has an endpoint (an RTP
 * port and the RTCP port above it) for each leg and each stream (the m-line's index). Configuration
 * is declarative: each one is the whole wanted state, and the highest generation wins.
 */
import { Schema } from "effect";
import { Incarnation, LegId, text, WorkerId } from "./Ids.ts";
import { SocketAddress } from "./Sip.ts";

export const RelayId = text(64);
export const StreamIndex = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 15 }));
export const Port = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_535 }));

/** Where an endpoint's packets go: to another leg's endpoint of the same stream, or back. */
export const Connection = Schema.TaggedUnion({
  ToLeg: { leg: LegId },
  /** Packets return to their sender (the echo feature). */
  Echo: {},
  /** A sine of `hz` in G.711 (`payloadType` 0 = PCMU, 8 = PCMA), 20 ms packets. */
  Tone: {
    hz: Schema.Int.check(Schema.isBetween({ minimum: 20, maximum: 3_999 })),
    payloadType: Schema.Literals([0, 8]),
  },
  /** Received packets are counted and dropped. */
  Nothing: {},
});
export type Connection = typeof Connection.Type;

export const Endpoint = Schema.Struct({
  leg: LegId,
  stream: StreamIndex,
  /** Local RTP port; RTCP is the next one (RFC 3550 section 11). */
  port: Port,
  /** The peer's addresses by SDP, if we may send there before anything was received. */
  remote: Schema.NullOr(Schema.Struct({ rtp: SocketAddress, rtcp: SocketAddress })),
  /**
   * Sources that may fix the endpoint's peer: the first valid packet from one of these addresses
   * does (RFC 4961, symmetric RTP); from then on only that address and port is heard and sent to,
   * until `sdp` changes.
   */
  latchFrom: Schema.Array(text(45)).check(Schema.isMaxLength(4)),
  /**
   * Version of the peer's SDP: a change opens the latch again. Until a packet latches, packets go
   * to `remote`; without one they go on to the latched address, as long as `latchFrom` names it (a
   * phone behind NAT that is put on hold may send nothing).
   */
  sdp: Schema.Int,
  /** We forward what the peer sends (its direction has `send`). RTCP flows also during a hold. */
  receives: Schema.Boolean,
  /** We send to the peer (its direction has `recv`). */
  sends: Schema.Boolean,
  connect: Connection,
});
export type Endpoint = typeof Endpoint.Type;

export const EndpointKey = Schema.Struct({ leg: LegId, stream: StreamIndex });
export type EndpointKey = typeof EndpointKey.Type;

/** Endpoints of one relay: its legs times their streams. */
const mostEndpoints = 64;

export const MediaRequest = Schema.TaggedUnion({
  /**
   * Ports for endpoints, those of an earlier reservation of the same relay included (idempotent).
   * A relay that is not configured within `reservationMs` of the worker is dropped. Once it is, its
   * endpoints that were reserved but are not configured yet live as long as the relay.
   */
  ReserveRelay: {
    relay: RelayId,
    endpoints: Schema.Array(EndpointKey).check(Schema.isMaxLength(mostEndpoints)),
  },
  /**
   * The whole wanted state: configured endpoints that it does not name any more give up their
   * ports. An unknown relay is made with exactly these ports (takeover).
   */
  ConfigureRelay: {
    relay: RelayId,
    generation: Schema.Int,
    endpoints: Schema.Array(Endpoint).check(Schema.isMaxLength(mostEndpoints)),
  },
  ReleaseRelay: { relay: RelayId, generation: Schema.Int },
});
export type MediaRequest = typeof MediaRequest.Type;

export const ReservedPort = Schema.Struct({ leg: LegId, stream: StreamIndex, port: Port });

export const MediaReply = Schema.TaggedUnion({
  RelayReserved: {
    worker: WorkerId,
    incarnation: Incarnation,
    /** The address to name in SDP. */
    address: text(45),
    ports: Schema.Array(ReservedPort).check(Schema.isMaxLength(mostEndpoints)),
  },
  /** No port pair is free: 503 with Retry-After. */
  PoolExhausted: {},
  /** Configured or released, or an older generation than the one in force (ignored). */
  RelayDone: {},
  /** These ports are not this relay's and could not be taken; nothing was changed. */
  PortsTaken: { ports: Schema.Array(Port).check(Schema.isMaxLength(mostEndpoints)) },
});
export type MediaReply = typeof MediaReply.Type;
