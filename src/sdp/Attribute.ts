/** Syntax of the attributes that a call depends on: rtpmap, fmtp, ptime, rtcp (RFC 8866, 3605). */
import * as Address from "./Address.ts";
import * as Session from "./Session.ts";

/** `a=rtpmap`, read. Encoding names compare without case (RFC 4855 section 3). */
export interface Rtpmap {
  readonly payloadType: number;
  readonly encoding: string;
  readonly clockRate: number;
  readonly parameters: string | null;
}

const rtpmapValue = /^([0-9]{1,3}) ([^ /]{1,64})\/([0-9]{1,10})(?:\/([^ /]{1,64}))? *$/;
const namedOnly = /^[0-9]{1,3} [^ /]{1,64} *$/;
const fmtpValue = /^[0-9]{1,3}(?: |$)/;
const rtcpValue = /^([0-9]{1,5})(?: IN IP[46] ([^ ]{1,255}))? *$/;
const milliseconds = /^[0-9]{1,5}(?:\.[0-9]{1,6})? *$/;

/** Undefined when the value is malformed or out of range: clock rates are below 2^31. */
export const rtpmap = (value: string | null): Rtpmap | undefined => {
  const match = rtpmapValue.exec(value ?? "");
  if (match === null) return undefined;
  const [, type = "", encoding = "", rate = "", parameters = null] = match;
  const payloadType = Number(type);
  const clockRate = Number(rate);
  if (payloadType > 127 || clockRate < 1 || clockRate >= 2 ** 31) return undefined;
  return { payloadType, encoding, clockRate, parameters };
};

/** Payload type of an `a=fmtp` value; undefined when it names none. */
export const fmtpType = (value: string | null): number | undefined => {
  if (value === null || !fmtpValue.test(value)) return undefined;
  const type = parseInt(value, 10);
  return type > 127 ? undefined : type;
};

/** Milliseconds of `a=ptime` or `a=maxptime`; undefined outside 0 ... 1000 (0 excluded). */
export const ptime = (value: string | null): number | undefined => {
  if (value === null || !milliseconds.test(value)) return undefined;
  const ms = Number(value);
  return ms > 0 && ms <= Session.limits.ptimeMs ? ms : undefined;
};

/** Port and, if named, host of `a=rtcp` (RFC 3605 section 2.1). */
export const rtcp = (
  value: string | null,
): { readonly port: number; readonly host: string | null } | undefined => {
  const match = rtcpValue.exec(value ?? "");
  if (match === null) return undefined;
  const port = Number(match[1]);
  return port > 65_535 ? undefined : { port, host: match[2] ?? null };
};

/** A mapping without a clock rate has no meaning, but stands in RFC 4475: it is let through. */
const isRtpmap = (value: string | null): boolean =>
  rtpmap(value) !== undefined ||
  (value !== null && namedOnly.test(value) && parseInt(value, 10) <= 127);

/** The cause to refuse an attribute of an RTP section, or undefined; unknown ones are fine. */
export const fault = (name: string, value: string | null): string | undefined => {
  switch (name) {
    case "rtpmap":
      return isRtpmap(value) ? undefined : "a=rtpmap is malformed or out of range";
    case "fmtp":
      return fmtpType(value) === undefined ? "a=fmtp names no payload type" : undefined;
    case "ptime":
    case "maxptime":
      return ptime(value) === undefined ? `a=${name} is not in 0 ... 1000 ms` : undefined;
    case "rtcp":
      return rtcp(value) === undefined ? "a=rtcp is malformed" : undefined;
    default:
      return undefined;
  }
};

/** The IP literal of an SDP address in canonical spelling; null for names, multicast and holds. */
export const unicast = (address: Session.Address | null): string | null => {
  if (address === null || !Address.isUnicast(address.host)) return null;
  return Address.canonical(address.host) ?? null;
};
