/** URIs: `sip` and `sips` (RFC 3261 section 19.1), `tel` (RFC 3966), others by their scheme. */
import { hostChar, ipv6Char, number, skip } from "./Syntax.ts";
import * as Text from "../kernel/Text.ts";

export interface SipUri {
  readonly kind: "sip";
  readonly scheme: "sip" | "sips";
  /** As it was written, escapes included; `userText` is for people. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** As it was written; an IPv6 reference keeps its brackets. */
  readonly host: string;
  readonly port: number | undefined;
  /** As they were written, from the first semicolon on. */
  readonly params: string;
  /** As they were written, without the question mark. */
  readonly headers: string;
}

export interface TelUri {
  readonly kind: "tel";
  readonly scheme: "tel";
  /** The number as it was written. */
  readonly user: string;
  readonly params: string;
}

/** A scheme that says nothing to us. */
export interface OtherUri {
  readonly kind: "other";
  readonly scheme: string;
  readonly rest: string;
}

export type Uri = SipUri | TelUri | OtherUri;

const COLON = 58;
const OPEN = 91;
const CLOSE = 93;

const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

const classOf = (extra: string): Uint8Array => {
  const table = new Uint8Array(256);
  for (const c of alphanumeric + extra) table[c.charCodeAt(0)] = 1;
  return table;
};

const mark = "-_.!~*'()";
const unreserved = classOf(mark);
/** `#` is no user character by the grammar, but phones dial and send it unescaped. */
const userChar = classOf(mark + "&=+$,;?/%#");
const passwordChar = classOf(mark + "&=+$,%");
const paramsChar = classOf(mark + "[]/:&+$%=;");
const headersChar = classOf(mark + "[]/?:+$%=&");
const schemeChar = classOf("+-.");
const numberChar = classOf("+-.()*#%");

const whole = (table: Uint8Array, text: string): boolean =>
  skip(table, text, 0, text.length) === text.length;

const hexDigit = (c: number): number =>
  c >= 48 && c <= 57 ? c - 48 : c >= 65 && c <= 70 ? c - 55 : c >= 97 && c <= 102 ? c - 87 : -1;

/** The octet that the escape at `i` names, or -1. */
const escapedAt = (text: string, i: number): number => {
  const high = hexDigit(text.charCodeAt(i + 1));
  const low = hexDigit(text.charCodeAt(i + 2));
  return high === -1 || low === -1 ? -1 : high * 16 + low;
};

const escapesAreWhole = (text: string): boolean => {
  for (let i = text.indexOf("%"); i !== -1; i = text.indexOf("%", i + 1)) {
    if (escapedAt(text, i) === -1) return false;
  }
  return true;
};

/** Parameters as pairs; `undefined` when one has no name or nothing after its `=`. */
const splitParams = (params: string): Array<readonly [string, string]> | undefined => {
  const pairs: Array<readonly [string, string]> = [];
  let equals = -2;
  for (let i = 0; i < params.length;) {
    const next = params.indexOf(";", i + 1);
    const end = next === -1 ? params.length : next;
    // Looked for when the last one was passed: a thousand flags are not a thousand scans.
    if (equals !== -1 && equals < i) equals = params.indexOf("=", i);
    const nameEnd = equals === -1 || equals > end ? end : equals;
    if (nameEnd === i + 1 || nameEnd === end - 1) return undefined;
    pairs.push([params.slice(i + 1, nameEnd).toLowerCase(), params.slice(nameEnd + 1, end)]);
    i = end;
  }
  return pairs;
};

const paramsAreWhole = (params: string): boolean =>
  params === "" || (whole(paramsChar, params) && splitParams(params) !== undefined);

/** Reads a URI; `undefined` when it is malformed. */
export const parse = (text: string): Uri | undefined => {
  const colon = skip(schemeChar, text, 0, text.length);
  const letter = text.charCodeAt(0) | 32;
  if (text.charCodeAt(colon) !== COLON || letter < 97 || letter > 122) return undefined;
  const scheme = text.slice(0, colon).toLowerCase();
  const rest = text.slice(colon + 1);
  if (rest === "") return undefined;
  if (scheme === "sip" || scheme === "sips") return parseSip(scheme, rest);
  return scheme === "tel" ? parseTel(rest) : { kind: "other", scheme, rest };
};

const parseSip = (scheme: "sip" | "sips", rest: string): SipUri | undefined => {
  if (!escapesAreWhole(rest)) return undefined;
  const at = rest.indexOf("@");
  let user: string | undefined;
  let password: string | undefined;
  if (at !== -1) {
    const colon = rest.indexOf(":");
    const userEnd = colon === -1 || colon > at ? at : colon;
    user = rest.slice(0, userEnd);
    if (user === "" || !whole(userChar, user)) return undefined;
    if (userEnd < at) {
      password = rest.slice(userEnd + 1, at);
      if (!whole(passwordChar, password)) return undefined;
    }
  }
  const hostAfter = hostEnd(rest, at + 1, rest.length);
  if (hostAfter === -1) return undefined;
  let port: number | undefined;
  let after = hostAfter;
  if (rest.charCodeAt(after) === COLON) {
    after = skip(hostChar, rest, after + 1, rest.length);
    port = number(rest, hostAfter + 1, after, 65_535);
    if (port <= 0) return undefined;
  }
  const question = rest.indexOf("?", after);
  const paramsEnd = question === -1 ? rest.length : question;
  const params = rest.slice(after, paramsEnd);
  const headers = question === -1 ? "" : rest.slice(question + 1);
  if (params !== "" && !params.startsWith(";")) return undefined;
  if (!paramsAreWhole(params) || !whole(headersChar, headers)) return undefined;
  if (question !== -1 && headers === "") return undefined;
  return {
    kind: "sip",
    scheme,
    user,
    password,
    host: rest.slice(at + 1, hostAfter),
    port,
    params,
    headers,
  };
};

const parseTel = (rest: string): TelUri | undefined => {
  const end = skip(numberChar, rest, 0, rest.length);
  const params = rest.slice(end);
  if (end === 0 || !escapesAreWhole(rest)) return undefined;
  if (params !== "" && !params.startsWith(";")) return undefined;
  return paramsAreWhole(params)
    ? { kind: "tel", scheme: "tel", user: rest.slice(0, end), params }
    : undefined;
};

/** Longest name that a host can have (RFC 1035 section 2.3.4). */
const maxHost = 255;

/** End of the host that starts at `i` (name, IPv4 or bracketed IPv6), or -1. */
export const hostEnd = (text: string, i: number, end: number): number => {
  if (text.charCodeAt(i) !== OPEN) {
    const after = skip(hostChar, text, i, end);
    return after === i || after - i > maxHost ? -1 : after;
  }
  const close = skip(ipv6Char, text, i + 1, end);
  return close > i + 2 && close - i < maxHost && close < end && text.charCodeAt(close) === CLOSE
    ? close + 1
    : -1;
};

const host = (uri: SipUri): string =>
  (uri.user === undefined ? "" : uri.user +
    (uri.password === undefined ? "" : `:${uri.password}`) + "@") +
  uri.host + (uri.port === undefined ? "" : `:${uri.port}`);

/** As text; what `parse` read comes out as it was, but for the scheme's case. */
export const print = (uri: Uri): string => {
  switch (uri.kind) {
    case "sip":
      return `${uri.scheme}:${host(uri)}${uri.params}${
        uri.headers === "" ? "" : "?" + uri.headers
      }`;
    case "tel":
      return `tel:${uri.user}${uri.params}`;
    case "other":
      return `${uri.scheme}:${uri.rest}`;
  }
};

/** A URI parameter by its lower-case name, unescaped; `""` for a flag. */
export const param = (uri: SipUri | TelUri, name: string): string | undefined => {
  for (const [key, value] of splitParams(uri.params) ?? []) {
    if (normal(key).toLowerCase() === name) return unescape(value);
  }
  return undefined;
};

/** Every escape as the octet that it names: `%00` is U+0000, which is data like any other. */
const unescape = (text: string): string => {
  let i = text.indexOf("%");
  if (i === -1) return text;
  let out = "";
  let from = 0;
  while (i !== -1) {
    const octet = escapedAt(text, i);
    if (octet !== -1) {
      out += text.slice(from, i) + String.fromCharCode(octet);
      from = i + 3;
    }
    i = text.indexOf("%", octet === -1 ? i + 1 : i + 3);
  }
  return out + text.slice(from);
};

/** The user part as people write it. */
export const userText = (uri: SipUri | TelUri): string => Text.decode(unescape(uri.user ?? ""));

/**
 * The user part as it is dialled: of a telephone number (`tel`, or `user=phone`) without what is
 * for the eye alone, and without its parameters (RFC 3966 section 3, RFC 3261 section 19.1.6).
 */
export const dialled = (uri: SipUri | TelUri): string => {
  const text = userText(uri);
  if (uri.kind === "sip" && param(uri, "user")?.toLowerCase() !== "phone") return text;
  const end = text.indexOf(";");
  const number = end === -1 ? text : text.slice(0, end);
  const bare = number.replace(/[-.()]/g, "");
  return /^\+?[0-9A-Fa-f*#]+$/.test(bare) ? bare : text;
};

/** For comparison: escapes of unreserved characters resolved, the others in one spelling. */
const normal = (text: string): string => {
  let i = text.indexOf("%");
  if (i === -1) return text;
  let out = "";
  let from = 0;
  for (; i !== -1; i = text.indexOf("%", i + 3)) {
    const octet = escapedAt(text, i);
    out += text.slice(from, i) +
      (unreserved[octet] === 1 ? String.fromCharCode(octet) : text.slice(i, i + 3).toUpperCase());
    from = i + 3;
  }
  return out + text.slice(from);
};

const sameOptional = (a: string | undefined, b: string | undefined): boolean =>
  a === undefined || b === undefined ? a === b : normal(a) === normal(b);

/** Parameters that, present in one URI alone, make it another one (section 19.1.4). */
const distinguishing = new Set(["user", "ttl", "method", "maddr", "transport"]);

const folded = (pairs: ReadonlyArray<readonly [string, string]>): ReadonlyMap<string, string> =>
  new Map(pairs.map(([k, v]) => [normal(k).toLowerCase(), normal(v).toLowerCase()]));

const sameParams = (a: string, b: string, decisive: (name: string) => boolean): boolean => {
  const left = folded(splitParams(a) ?? []);
  const right = folded(splitParams(b) ?? []);
  for (const [name, value] of left) {
    const other = right.get(name);
    if (other === undefined ? decisive(name) : other !== value) return false;
  }
  for (const name of right.keys()) {
    if (!left.has(name) && decisive(name)) return false;
  }
  return true;
};

/** Headers have an order only among those of one name; values keep their case. */
const headerKey = (headers: string): string =>
  headers.split("&").map((pair) => {
    const equals = pair.indexOf("=");
    const name = equals === -1 ? pair : pair.slice(0, equals);
    return normal(name).toLowerCase() + "=" + (equals === -1 ? "" : normal(pair.slice(equals + 1)));
  }).sort().join("&");

const digits = (tel: string): string => normal(tel).replace(/[-.()]/g, "").toLowerCase();

/** Equality of RFC 3261 section 19.1.4 and RFC 3966 section 4. It is not transitive. */
export const equal = (a: Uri, b: Uri): boolean => {
  if (a.kind === "sip" && b.kind === "sip") {
    return a.scheme === b.scheme && sameOptional(a.user, b.user) &&
      sameOptional(a.password, b.password) && a.port === b.port &&
      a.host.toLowerCase() === b.host.toLowerCase() &&
      sameParams(a.params, b.params, (name) => distinguishing.has(name)) &&
      headerKey(a.headers) === headerKey(b.headers);
  }
  if (a.kind === "tel" && b.kind === "tel") {
    return digits(a.user) === digits(b.user) && sameParams(a.params, b.params, () => true);
  }
  return a.kind === "other" && b.kind === "other" && a.scheme === b.scheme && a.rest === b.rest;
};

/** The address of record as a key (section 10.3): no port, parameters or headers, escapes alike. */
export const addressOfRecord = (uri: SipUri): string =>
  `${uri.scheme}:${normal(uri.user ?? "")}@${uri.host.toLowerCase()}`;

/**
 * The URI as a request may use it as its Request-URI (section 19.1.1): without headers, which a
 * Contact or a Refer-To could use to slip in a Route, and without a `method`.
 */
export const requestTarget = (uri: Uri): Uri => {
  if (uri.kind !== "sip" || (uri.headers === "" && param(uri, "method") === undefined)) return uri;
  const kept = (splitParams(uri.params) ?? []).filter(([name]) =>
    normal(name).toLowerCase() !== "method"
  );
  const params = kept.map(([name, value]) => `;${name}${value === "" ? "" : "=" + value}`).join("");
  return { ...uri, params, headers: "" };
};
