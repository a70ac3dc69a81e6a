/** Via (RFC 3261 sections 18.1.1 and 20.42, RFC 3581). */
import * as Params from "./Params.ts";
import { hostChar, number, same, skip, skipSpace, tokenChar, trimEnd } from "./Syntax.ts";
import { hostEnd } from "./Uri.ts";

const SEMICOLON = 59;
const COMMA = 44;
const COLON = 58;
const SLASH = 47;
const QUOTE = 34;

export interface Via {
  /** This element alone, as it was written. */
  readonly text: string;
  /** `SIP/2.0`. */
  readonly protocol: string;
  /** `UDP`, `TCP`, `TLS`, `WS`, `WSS`..., in upper case. */
  readonly transport: string;
  /** An IPv6 reference keeps its brackets. */
  readonly host: string;
  readonly port: number | undefined;
  readonly branch: string | undefined;
  readonly received: string | undefined;
  /** 0 is the bare flag of a request (RFC 3581 section 3). */
  readonly rport: number | undefined;
  /** All parameters as they were written, from the first semicolon on. */
  readonly params: string;
}

/** The start of a branch that says "RFC 3261" (section 8.1.1.7). */
const cookie = "z9hG4bK";

/** True when the branch alone identifies the transaction: the cookie and something after it. */
export const hasCookie = (via: Via): boolean =>
  via.branch !== undefined && via.branch.length > cookie.length && via.branch.startsWith(cookie);

const cursor = new Params.Cursor();

/** Index after `/` and the white space around it, or -1. */
const slash = (text: string, i: number, end: number): number => {
  i = skipSpace(text, i, end);
  return text.charCodeAt(i) === SLASH ? skipSpace(text, i + 1, end) : -1;
};

const upper = (transport: string): string => {
  switch (transport) {
    case "UDP":
    case "TCP":
    case "TLS":
    case "WSS":
      return transport;
    default:
      return transport.toUpperCase();
  }
};

/**
 * The first element of a Via value in [start, end), or `undefined` when it is malformed: also for
 * empty and repeated parameters, because two readers would not agree on them.
 */
export const parse = (text: string, start = 0, end = text.length): Via | undefined => {
  start = skipSpace(text, start, end);
  let protocolEnd = start + 7;
  let i: number;
  if (text.startsWith("SIP/2.0/", start)) {
    i = start + 8;
  } else {
    i = slash(text, skip(tokenChar, text, start, end), end);
    if (i === -1) return undefined;
    protocolEnd = skip(tokenChar, text, i, end);
    i = slash(text, protocolEnd, end);
    if (i === -1) return undefined;
  }
  const transportEnd = skip(tokenChar, text, i, end);
  const host = skipSpace(text, transportEnd, end);
  if (transportEnd === i || host === transportEnd) return undefined;
  const hostAfter = hostEnd(text, host, end);
  if (hostAfter === -1) return undefined;
  let port: number | undefined;
  let after = skipSpace(text, hostAfter, end);
  if (text.charCodeAt(after) === COLON && after < end) {
    const digits = skipSpace(text, after + 1, end);
    after = skip(hostChar, text, digits, end);
    port = number(text, digits, after, 65_535);
    if (port <= 0) return undefined;
    after = skipSpace(text, after, end);
  }
  return withParams(text, start, end, after, {
    protocol: text.slice(start, protocolEnd),
    transport: upper(text.slice(i, transportEnd)),
    host: text.slice(host, hostAfter),
    port,
  });
};

type SentBy = Pick<Via, "protocol" | "transport" | "host" | "port">;

const withParams = (
  text: string,
  start: number,
  end: number,
  first: number,
  sentBy: SentBy,
): Via | undefined => {
  let branch: string | undefined;
  let received: string | undefined;
  let rport: number | undefined;
  let i = first;
  while (i < end && text.charCodeAt(i) === SEMICOLON) {
    i = Params.next(text, i, end, cursor);
    if (i === -1) return undefined;
    const { nameStart, nameEnd, valueStart, valueEnd } = cursor;
    if (same(text, nameStart, nameEnd, "branch")) {
      if (branch !== undefined || valueStart === -1) return undefined;
      if (text.charCodeAt(valueStart) === QUOTE) return undefined;
      branch = text.slice(valueStart, valueEnd);
    } else if (same(text, nameStart, nameEnd, "rport")) {
      if (rport !== undefined) return undefined;
      rport = valueStart === -1 ? 0 : number(text, valueStart, valueEnd, 65_535);
      if (rport === -1) return undefined;
    } else if (same(text, nameStart, nameEnd, "received")) {
      if (received !== undefined || valueStart === -1) return undefined;
      received = text.slice(valueStart, valueEnd);
    }
  }
  if (i < end && text.charCodeAt(i) !== COMMA) return undefined;
  const last = trimEnd(text, first, i);
  return {
    text: text.slice(start, last),
    protocol: sentBy.protocol,
    transport: sentBy.transport,
    host: sentBy.host,
    port: sentBy.port,
    branch,
    received,
    rport,
    params: text.slice(first, last),
  };
};
