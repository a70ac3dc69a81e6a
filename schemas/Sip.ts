/**
 * What of SIP crosses from the edge into the core: bounded, typed fields. Raw messages never do.
 */
import { Schema } from "effect";
import { Incarnation, text, WorkerId } from "./Ids.ts";

/** Longest URI, tag or Call-ID that we accept from a peer. */
export const maxToken = 512;
/** Longest SDP that crosses; longer ones are refused by the edge with 413. */
export const maxSdp = 16_384;

/** CSeq number (RFC 3261 section 8.1.1.5). */
export const Cseq = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2_147_483_647 }));
/** Max-Forwards (section 20.22). */
export const Hops = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }));
/** Seconds of a lifetime (delta-seconds, section 20.19). */
export const Seconds = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4_294_967_295 }));
/** Number of a registration flow of one instance (RFC 5626 section 4.2). */
export const RegId = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2_147_483_647 }));

export const Uri = text(maxToken);
export const Sdp = text(maxSdp);

export const Transport = Schema.Literals(["udp", "tcp", "tls", "wss"]);
export type Transport = typeof Transport.Type;

export const SocketAddress = Schema.Struct({
  ip: text(45),
  port: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 })),
});
export type SocketAddress = typeof SocketAddress.Type;

/**
 * The way back to a peer (RFC 5626): edge, its incarnation and the connection. UDP has no
 * connection (0): its flow outlives the incarnation as long as the edge keeps its address.
 */
export const Flow = Schema.Struct({
  edge: WorkerId,
  incarnation: Incarnation,
  transport: Transport,
  connection: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  remote: SocketAddress,
});
export type Flow = typeof Flow.Type;

/** A header that is carried through: its name as the edge's allow-list spells it, its value. */
export const HeaderField = Schema.Tuple([text(64), text(4_096)]);
export type HeaderField = typeof HeaderField.Type;
export const HeaderFields = Schema.Array(HeaderField).check(Schema.isMaxLength(32));

export const UriList = Schema.Array(Uri).check(Schema.isMaxLength(16));

/**
 * All that a response needs (RFC 3261 section 8.2.6.2), so that any edge can send it, also one that
 * never saw the request. Vias are verbatim, the topmost already with `received` and `rport`.
 */
export const ResponsePath = Schema.Struct({
  /** Key of the server transaction, the same on every edge. */
  transaction: text(2_048),
  method: text(32),
  vias: Schema.Array(text(1_024)).check(Schema.isMaxLength(70)),
  from: text(1_024),
  to: text(1_024),
  callId: text(maxToken),
  cseq: Cseq,
  recordRoutes: Schema.Array(text(1_024)).check(Schema.isMaxLength(16)),
  flow: Flow,
});
export type ResponsePath = typeof ResponsePath.Type;

/** A digest answer as it was given (RFC 7616, RFC 8760); checked in the core. */
export const DigestAnswer = Schema.Struct({
  username: text(256),
  realm: text(256),
  nonce: text(256),
  uri: text(maxToken),
  response: text(128),
  algorithm: Schema.Literals(["MD5", "SHA-256", "SHA-512-256"]),
  cnonce: text(256),
  nc: text(8),
});
export type DigestAnswer = typeof DigestAnswer.Type;

/** What a request out of a dialog says about itself. */
export const RequestIdentity = Schema.Struct({
  method: text(32),
  requestUser: text(maxToken),
  requestHost: text(256),
  fromUser: text(maxToken),
  fromHost: text(256),
  toUser: text(maxToken),
  toHost: text(256),
  source: Flow,
  digest: Schema.NullOr(DigestAnswer),
});
export type RequestIdentity = typeof RequestIdentity.Type;

/** A name and an address for people: display name (may be empty) and user part. */
export const Identity = Schema.Struct({ display: text(256), user: text(maxToken) });
export type Identity = typeof Identity.Type;
