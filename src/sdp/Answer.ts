/** Answers and offers of our own, for endpoints in the engine: the echo and the tone. */
import * as Attribute from "./Attribute.ts";
import * as Direction from "./Direction.ts";
import * as Format from "./Format.ts";
import * as Rewrite from "./Rewrite.ts";
import * as Session from "./Session.ts";

/** The echo takes any audio codec that there is, for it reads none; the tone speaks G.711. */
export type Feature = "echo" | "tone";

/** Audio encodings in use (IANA's RTP payload format media types), in upper case. */
const encodings: ReadonlySet<string> = new Set([
  ...["PCMU", "PCMA", "PCMU-WB", "PCMA-WB", "G722", "G7221", "G723", "G726-16", "G726-24"],
  ...["G726-32", "G726-40", "G728", "G729", "GSM", "GSM-EFR", "GSM-HR-08", "ILBC", "SPEEX"],
  ...["AMR", "AMR-WB", "AMR-WB+", "EVS", "EVRC", "EVRC0", "SILK", "ISAC", "OPUS", "VORBIS"],
  ...["L8", "L16", "L24", "DVI4", "LPC", "MPA", "MP4A-LATM", "MPEG4-GENERIC", "CLEARMODE"],
]);

const isUsable = (feature: Feature, format: Format.Format): boolean =>
  feature === "echo" ? encodings.has(format.encoding) : Format.g711(format) !== undefined;

/** Formats of an m-line that the feature accepts; empty when it refuses the stream. */
const accepted = (feature: Feature, media: Session.Media): ReadonlyArray<Format.Format> => {
  if (media.kind !== "audio" || !Rewrite.isCarried(media)) return [];
  const formats = Format.formats(media);
  if (!formats.some((format) => isUsable(feature, format))) return [];
  return formats.filter((format) =>
    isUsable(feature, format) || format.encoding === "TELEPHONE-EVENT"
  );
};

/** Index of the stream that the feature takes; undefined: no usable codec (488). */
export const streamOf = (session: Session.Session, feature: Feature): number | undefined => {
  const index = session.media.findIndex((media) => accepted(feature, media).length > 0);
  return index < 0 ? undefined : index;
};

/** Payload type of the tone's packets, by an offer or an answer of the peer; undefined: none. */
export const tonePayloadType = (session: Session.Session): 0 | 8 | undefined => {
  const media = session.media[streamOf(session, "tone") ?? -1];
  if (media === undefined) return undefined;
  for (const format of Format.formats(media)) {
    const type = Format.g711(format);
    if (type !== undefined) return type;
  }
  return undefined;
};

const formatAttributes = (
  media: Session.Media,
  types: ReadonlySet<number>,
): ReadonlyArray<Session.Attribute> =>
  media.attributes.filter(({ name, value }) => {
    if (name === "mid") return true;
    const type = name === "rtpmap"
      ? Attribute.rtpmap(value)?.payloadType
      : name === "fmtp"
      ? Attribute.fmtpType(value)
      : undefined;
    return type !== undefined && types.has(type);
  });

/** An m-line refused as RFC 3264 section 6 says: port 0, type, protocol and formats as offered. */
const refusal = ({ kind, protocol, formats }: Session.Media): Session.Media => ({
  kind,
  port: 0,
  portCount: 1,
  protocol,
  formats,
  connection: null,
  lines: [],
  attributes: [],
});

const acceptance = (
  offer: Session.Session,
  media: Session.Media,
  feature: Feature,
  port: number,
): Session.Media => {
  const formats = accepted(feature, media);
  const types = new Set(formats.map(({ payloadType }) => payloadType));
  const ptime = feature === "tone"
    ? { name: "ptime", value: "20" }
    : Session.attribute(media.attributes, "ptime");
  const direction = Direction.answer(Direction.of(offer, media), "sendrecv");
  return {
    ...refusal(media),
    port,
    formats: formats.map(({ payloadType }) => `${payloadType}`),
    attributes: [
      ...formatAttributes(media, types),
      ...(ptime === undefined ? [] : [ptime]),
      { name: direction, value: null },
    ],
  };
};

/**
 * The answer of a feature: the first audio stream that it can use, every other m-line refused.
 * Undefined when there is no usable codec, or no port for that stream.
 */
export const answer = (
  offer: Session.Session,
  feature: Feature,
  us: Rewrite.Appearance,
): Session.Session | undefined => {
  const index = streamOf(offer, feature);
  const port = index === undefined ? undefined : us.port(index);
  if (index === undefined || port === undefined) return undefined;
  const own = Session.addressOf(us.address);
  return {
    origin: { ...us.origin, address: own },
    name: "-",
    connection: own,
    // The t= line of an answer equals the offer's (RFC 3264 section 6).
    lines: offer.lines.filter(({ type }) => type === "t" || type === "r" || type === "z"),
    attributes: [],
    media: offer.media.map((media, at) =>
      at === index ? acceptance(offer, media, feature, port) : refusal(media)
    ),
  };
};

/** An offer of a feature, for an INVITE that brings none: stream 0, G.711 and digits. */
export const offer = (feature: Feature, us: Rewrite.Appearance): Session.Session | undefined => {
  const port = us.port(0);
  if (port === undefined) return undefined;
  const own = Session.addressOf(us.address);
  const wide = feature === "echo" ? [["9", "G722/8000"]] as const : [];
  const codecs = [["0", "PCMU/8000"], ["8", "PCMA/8000"], ...wide, [
    "101",
    "telephone-event/8000",
  ]] as const;
  return {
    origin: { ...us.origin, address: own },
    name: "-",
    connection: own,
    lines: [{ type: "t", value: "0 0" }],
    attributes: [],
    media: [{
      kind: "audio",
      port,
      portCount: 1,
      protocol: "RTP/AVP",
      formats: codecs.map(([type]) => type),
      connection: null,
      lines: [],
      attributes: [
        ...codecs.map(([type, encoding]) => ({ name: "rtpmap", value: `${type} ${encoding}` })),
        { name: "fmtp", value: "101 0-16" },
        { name: "ptime", value: "20" },
        { name: "sendrecv", value: null },
      ],
    }],
  };
};

/**
 * Why a description cannot answer an offer (RFC 3264 section 6), or undefined when it can. Only
 * what would confuse the streams counts: phones err in directions and profiles, and calls work.
 */
export const fault = (offered: Session.Session, answered: Session.Session): string | undefined => {
  if (answered.media.length !== offered.media.length) return "answer has another number of m-lines";
  for (const [index, ours] of answered.media.entries()) {
    const theirs = offered.media[index];
    if (theirs === undefined || ours.kind !== theirs.kind) return "answer changes a media type";
    if (ours.port !== 0 && theirs.port === 0) return "answer revives a refused stream";
  }
  return undefined;
};
