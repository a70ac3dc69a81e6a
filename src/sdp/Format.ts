/** The codecs of an RTP media section (RFC 3551 section 6, RFC 8866 section 6.6). */
import * as Attribute from "./Attribute.ts";
import type * as Session from "./Session.ts";

export interface Format {
  readonly payloadType: number;
  /** Upper case. */
  readonly encoding: string;
  readonly clockRate: number;
}

/** Static audio payload types of RFC 3551 table 4; G722's clock of 8000 is RFC 3551's own error. */
const staticAudio: ReadonlyMap<number, readonly [string, number]> = new Map([
  [0, ["PCMU", 8_000]],
  [3, ["GSM", 8_000]],
  [4, ["G723", 8_000]],
  [5, ["DVI4", 8_000]],
  [6, ["DVI4", 16_000]],
  [7, ["LPC", 8_000]],
  [8, ["PCMA", 8_000]],
  [9, ["G722", 8_000]],
  [10, ["L16", 44_100]],
  [11, ["L16", 44_100]],
  [12, ["QCELP", 8_000]],
  [13, ["CN", 8_000]],
  [14, ["MPA", 90_000]],
  [15, ["G728", 8_000]],
  [16, ["DVI4", 11_025]],
  [17, ["DVI4", 22_050]],
  [18, ["G729", 8_000]],
]);

/** Formats in order of preference, without dynamic types that no valid rtpmap explains. */
export const formats = (media: Session.Media): ReadonlyArray<Format> => {
  const maps = new Map<number, Attribute.Rtpmap>();
  for (const { name, value } of media.attributes) {
    const map = name === "rtpmap" ? Attribute.rtpmap(value) : undefined;
    if (map !== undefined && !maps.has(map.payloadType)) maps.set(map.payloadType, map);
  }
  return media.formats.flatMap((text): ReadonlyArray<Format> => {
    const payloadType = Number(text);
    const map = maps.get(payloadType);
    if (map !== undefined) {
      return [{ payloadType, encoding: map.encoding.toUpperCase(), clockRate: map.clockRate }];
    }
    const known = media.kind === "audio" ? staticAudio.get(payloadType) : undefined;
    return known === undefined ? [] : [{ payloadType, encoding: known[0], clockRate: known[1] }];
  });
};

/** 0 or 8 when the format is G.711 under its static type; undefined otherwise. */
export const g711 = ({ payloadType, encoding, clockRate }: Format): 0 | 8 | undefined => {
  if (clockRate !== 8_000) return undefined;
  if (payloadType === 0 && encoding === "PCMU") return 0;
  return payloadType === 8 && encoding === "PCMA" ? 8 : undefined;
};
