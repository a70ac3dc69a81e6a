/**
 * What a B2BUA with a media relay does to a body: addresses become its own, codecs, formats and
 * order stay. The far end sees no address, candidate or key of the peer.
 */
import * as Address from "./Address.ts";
import * as Attribute from "./Attribute.ts";
import * as Direction from "./Direction.ts";
import * as Session from "./Session.ts";

/** A stream that a relay carries, as its describer wants it. */
export interface Stream {
  /** Index of the m-line. */
  readonly index: number;
  readonly kind: string;
  readonly protocol: string;
  /** Where the peer wants its packets; null for a hold, a name, or an address that is no target. */
  readonly ip: string | null;
  readonly rtpPort: number;
  /** Null when it is named by a host that is no target; 0 when there is none. */
  readonly rtcpIp: string | null;
  readonly rtcpPort: number;
  readonly direction: Direction.Direction;
  readonly payloadTypes: ReadonlyArray<number>;
  /** Packet time that the peer likes to receive, in ms. */
  readonly ptimeMs: number | null;
}

/** How we appear in a body: the relay's address and the `o=` line of our own. */
export interface Appearance {
  readonly origin: {
    readonly username: string;
    readonly sessionId: string;
    readonly version: string;
  };
  /** IP literal of the relay. */
  readonly address: string;
  /** RTP port of the relay for an m-line; undefined refuses the stream (port 0). */
  readonly port: (index: number) => number | undefined;
}

/** Attributes that speak of the peer's own transport, or of keys that end at the relay. */
const hopByHop: ReadonlySet<string> = new Set([
  ...["rtcp", "rtcp-mux", "rtcp-mux-only", "group", "bundle-only"],
  ...["candidate", "remote-candidates", "end-of-candidates", "ice-ufrag", "ice-pwd", "ice-lite"],
  ...["ice-options", "ice-mismatch", "ice-pacing", "ice2"],
  ...["crypto", "key-mgmt", "fingerprint", "setup", "connection", "tls-id", "identity"],
  ...["alt", "altc", "source-filter", "rtcp-unicast"],
]);

/** True for an m-line that a relay carries: plain RTP, one port, not refused. */
export const isCarried = (media: Session.Media): boolean =>
  media.port !== 0 && media.portCount === 1 && Session.isPlainRtp(media.protocol);

const rtcpOf = (media: Session.Media, ip: string | null): Pick<Stream, "rtcpIp" | "rtcpPort"> => {
  const value = Session.attribute(media.attributes, "rtcp")?.value ?? null;
  const named = value === null ? undefined : Attribute.rtcp(value);
  if (named === undefined) {
    const next = media.port + 1;
    return { rtcpIp: ip, rtcpPort: next > 65_535 ? 0 : next };
  }
  if (named.host === null) return { rtcpIp: ip, rtcpPort: named.port };
  const host = Address.isUnicast(named.host) ? Address.canonical(named.host) ?? null : null;
  return { rtcpIp: host, rtcpPort: named.port };
};

/** The streams of a body that need relay endpoints; empty means that we can carry nothing (488). */
export const streams = (session: Session.Session): ReadonlyArray<Stream> =>
  session.media.flatMap((media, index): ReadonlyArray<Stream> => {
    if (!isCarried(media)) return [];
    const ip = Attribute.unicast(Session.connectionOf(session, media));
    return [{
      index,
      kind: media.kind,
      protocol: media.protocol,
      ip,
      rtpPort: media.port,
      ...rtcpOf(media, ip),
      direction: Direction.of(session, media),
      payloadTypes: media.formats.map(Number),
      ptimeMs: Attribute.ptime(Session.attribute(media.attributes, "ptime")?.value ?? null) ?? null,
    }];
  });

const endToEnd = (attributes: ReadonlyArray<Session.Attribute>): ReadonlyArray<Session.Attribute> =>
  attributes.filter(({ name }) => !hopByHop.has(name));

const withoutKeys = (lines: ReadonlyArray<Session.Line>): ReadonlyArray<Session.Line> =>
  lines.filter(({ type }) => type !== "k");

/**
 * The body as the other leg shall see it. Number and order of m-lines and all their formats stay
 * (RFC 3264 section 8); what the relay does not carry is refused with port 0. A hold by address
 * becomes a hold by direction, because the relay's address is no `0.0.0.0`.
 */
export const rewrite = (session: Session.Session, us: Appearance): Session.Session => {
  const own = Session.addressOf(us.address);
  return {
    origin: { ...us.origin, address: own },
    name: session.name === "" ? "-" : session.name,
    connection: session.connection === null ? null : own,
    lines: withoutKeys(session.lines),
    attributes: endToEnd(session.attributes),
    media: session.media.map((media, index) => {
      const port = isCarried(media) ? us.port(index) ?? 0 : 0;
      const attributes = endToEnd(media.attributes);
      return {
        ...media,
        port,
        connection: media.connection === null ? null : own,
        lines: withoutKeys(media.lines),
        attributes: port !== 0 && Direction.isOldHold(session, media)
          ? Direction.replace(attributes, Direction.of(session, media))
          : attributes,
      };
    }),
  };
};
