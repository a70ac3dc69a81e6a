/**
 * A session description (RFC 8866). The fields that calls depend on are typed; everything else is
 * kept as it came, in order, so that a relay passes on what it does not know.
 */

/** `IN IP4 192.0.2.1`: the host may also be a name, or carry a multicast TTL. */
export interface Address {
  readonly type: "IP4" | "IP6";
  readonly host: string;
}

/** `o=` (section 5.2). Id and version are digits; they may exceed 53 bits. */
export interface Origin {
  readonly username: string;
  readonly sessionId: string;
  readonly version: string;
  readonly address: Address;
}

/** A line without a field of its own, such as `b=AS:64` or `t=0 0`. */
export interface Line {
  readonly type: string;
  readonly value: string;
}

/** `a=name` (value null) or `a=name:value`. */
export interface Attribute {
  readonly name: string;
  readonly value: string | null;
}

/** A media section (section 5.14). Port 0 means refused or ended. */
export interface Media {
  readonly kind: string;
  readonly port: number;
  readonly portCount: number;
  readonly protocol: string;
  readonly formats: ReadonlyArray<string>;
  readonly connection: Address | null;
  readonly lines: ReadonlyArray<Line>;
  readonly attributes: ReadonlyArray<Attribute>;
}

export interface Session {
  readonly origin: Origin;
  /** `s=`; empty when the peer sent an empty one. */
  readonly name: string;
  readonly connection: Address | null;
  readonly lines: ReadonlyArray<Line>;
  readonly attributes: ReadonlyArray<Attribute>;
  readonly media: ReadonlyArray<Media>;
}

/** Bounds of a description; more than that is refused, never cut. */
export const limits = {
  characters: 16_384,
  lines: 512,
  media: 16,
  /** In one section. */
  attributes: 256,
  formats: 128,
  ptimeMs: 1_000,
} as const;

/** Lines that stand before `c=` in their section; the others follow it. */
export const precedesConnection = (type: string): boolean =>
  type === "i" || type === "u" || type === "e" || type === "p";

/** Where a stream's packets go: the media section's `c=`, else the session's (section 5.7). */
export const connectionOf = (session: Session, media: Media): Address | null =>
  media.connection ?? session.connection;

/** The first attribute of this name; undefined when there is none. */
export const attribute = (
  attributes: ReadonlyArray<Attribute>,
  name: string,
): Attribute | undefined => {
  for (const one of attributes) if (one.name === name) return one;
  return undefined;
};

/** An address as SDP writes it, from an IP literal. */
export const addressOf = (ip: string): Address => ({
  type: ip.includes(":") ? "IP6" : "IP4",
  host: ip,
});

/** True for RTP profiles of any kind, whose formats are payload types. */
export const isRtp = (protocol: string): boolean => protocol.includes("RTP/");

/** The plain RTP profiles, which a relay carries (RFC 3551, RFC 4585). */
export const isPlainRtp = (protocol: string): boolean =>
  protocol === "RTP/AVP" || protocol === "RTP/AVPF";
