/**
 * Digest authentication (RFC 7616, RFC 8760). Only `qop=auth` is spoken: without it (RFC 2069) a
 * captured answer could be replayed for ever, `auth-int` and the `-sess` variants have no users.
 *
 * All values here are text as people read it, decoded from and encoded to UTF-8.
 */
import { md5 } from "@noble/hashes/legacy.js";
import { sha256, sha512_256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { DigestAnswer } from "../../schemas/Sip.ts";
import { type Message, values } from "./Message.ts";
import { quote, quotedEnd, skip, skipSpace, tokenChar, unquote, valueChar } from "./Syntax.ts";
import * as Text from "../kernel/Text.ts";

export type Algorithm = DigestAnswer["algorithm"];

/** Strongest first (RFC 8760 section 2.2). */
export const algorithms: ReadonlyArray<Algorithm> = ["SHA-512-256", "SHA-256", "MD5"];

const digests = { "MD5": md5, "SHA-256": sha256, "SHA-512-256": sha512_256 } as const;

const hash = (algorithm: Algorithm, text: string): string =>
  bytesToHex(digests[algorithm](utf8ToBytes(text)));

/** What a client proves to know: the hash of user, realm and password (RFC 7616 section 3.4.2). */
export const ha1 = (
  algorithm: Algorithm,
  user: string,
  realm: string,
  password: string,
): string => hash(algorithm, `${user}:${realm}:${password}`);

/** What an answer depends on besides the secret. */
export interface Proof {
  readonly algorithm: Algorithm;
  readonly nonce: string;
  readonly nc: string;
  readonly cnonce: string;
  readonly uri: string;
}

/** The response for `qop=auth` (RFC 7616 section 3.4.1). */
export const response = (secret: string, method: string, proof: Proof): string =>
  hash(
    proof.algorithm,
    `${secret}:${proof.nonce}:${proof.nc}:${proof.cnonce}:auth:` +
      hash(proof.algorithm, `${method}:${proof.uri}`),
  );

/** Equality in a time that depends on the length alone. */
const sameText = (a: string, b: string): boolean => {
  let difference = a.length ^ b.length;
  for (let i = 0; i < b.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
};

/** True when the answer was made with this secret (`ha1` of the answer's algorithm) and method. */
export const verify = (answer: DigestAnswer, secret: string, method: string): boolean =>
  sameText(answer.response, response(secret, method, answer));

export type Credentials =
  | { readonly kind: "answer"; readonly answer: DigestAnswer }
  /** A scheme that says nothing to us: as if there were no credentials. */
  | { readonly kind: "otherScheme" }
  | { readonly kind: "unreadable"; readonly reason: string };

const maxParams = 32;
const COMMA = 44;
const EQUALS = 61;
const QUOTE = 34;

type Params = ReadonlyMap<string, string>;

/** `Digest a=b, c="d"` as its parameters; a text says what is wrong with it. */
const parseParams = (value: string): Params | string => {
  const params = new Map<string, string>();
  const end = value.length;
  let i = skip(tokenChar, value, 0, end);
  for (;;) {
    const start = skipSpace(value, i, end);
    i = skip(tokenChar, value, start, end);
    const name = value.slice(start, i).toLowerCase();
    i = skipSpace(value, i, end);
    if (name === "" || value.charCodeAt(i) !== EQUALS) return "parameter without a name or value";
    const from = skipSpace(value, i + 1, end);
    const quoted = value.charCodeAt(from) === QUOTE;
    i = quoted ? quotedEnd(value, from, end) : skip(valueChar, value, from, end);
    if (i === -1) return "quote that never closes";
    if (i === from) return "parameter without a value";
    if (params.has(name)) return "parameter twice";
    if (params.size === maxParams) return `more than ${maxParams} parameters`;
    const raw = value.slice(from, i);
    params.set(name, quoted ? unquote(raw) : raw);
    i = skipSpace(value, i, end);
    if (i >= end) return params;
    if (value.charCodeAt(i) !== COMMA) return "parameters without a comma between them";
    i++;
  }
};

const isDigest = (value: string): boolean =>
  value.slice(0, skip(tokenChar, value, 0, value.length)).toLowerCase() === "digest";

const algorithmOf = (params: Params): Algorithm | undefined => {
  const name = (params.get("algorithm") ?? "MD5").toUpperCase();
  return algorithms.find((algorithm) => algorithm === name);
};

/** Longest values that cross into the core; see the schema of a digest answer. */
const maxLength: Readonly<Record<string, number>> = {
  username: 256,
  realm: 256,
  nonce: 256,
  uri: 512,
  response: 128,
  cnonce: 256,
  nc: 8,
};

const unreadable = (reason: string): Credentials => ({ kind: "unreadable", reason });

/** Reads the value of an Authorization or Proxy-Authorization. */
export const parse = (value: string): Credentials => {
  if (!isDigest(value)) return { kind: "otherScheme" };
  const params = parseParams(value);
  if (typeof params === "string") return unreadable(params);
  const algorithm = algorithmOf(params);
  if (algorithm === undefined) return unreadable("unknown algorithm");
  if (params.get("qop")?.toLowerCase() !== "auth") return unreadable("qop is not auth");
  if (params.has("username*") || params.get("userhash")?.toLowerCase() === "true") {
    return unreadable("encoded user name");
  }
  const texts: Record<string, string> = {};
  for (const name of Object.keys(maxLength)) {
    const text = Text.decodeStrict(params.get(name) ?? "");
    if (text === undefined || text === "" && name !== "username") return unreadable(`no ${name}`);
    if (text.length > maxLength[name]!) return unreadable(`${name} is too long`);
    texts[name] = text;
  }
  const { username = "", realm = "", nonce = "", uri = "", cnonce = "", nc = "" } = texts;
  const given = texts["response"]!.toLowerCase();
  const size = algorithm === "MD5" ? 32 : 64;
  if (given.length !== size || !/^[0-9a-f]*$/.test(given)) return unreadable("response is no hash");
  if (!/^[0-9a-fA-F]{8}$/.test(nc)) return unreadable("nc is not eight hexadecimal digits");
  const answer = { username, realm, nonce, uri, response: given, algorithm, cnonce, nc };
  return { kind: "answer", answer };
};

/**
 * The credentials of a request for one realm. A request may carry several (RFC 3261 section 22.3);
 * without an answer for this realm the first one that we could not read, or that names another, is
 * what there is. `undefined`: none of the Digest scheme.
 */
export const credentials = (
  message: Message,
  name: "authorization" | "proxy-authorization",
  realm: string,
): Credentials | undefined => {
  let other: Credentials | undefined;
  for (const value of values(message, name)) {
    const found = parse(value);
    if (found.kind === "otherScheme") continue;
    if (found.kind === "answer" && found.answer.realm === realm) return found;
    other ??= found.kind === "answer" ? unreadable("credentials for another realm") : found;
  }
  return other;
};

export interface Challenge {
  readonly realm: string;
  readonly nonce: string;
  readonly algorithm: Algorithm;
  /** The secret was right, the nonce too old: ask no user, answer again. */
  readonly stale: boolean;
  readonly opaque: string | undefined;
}

const quoted = (text: string): string => quote(Text.encode(text));

/** The value of a WWW-Authenticate or Proxy-Authenticate. One header for each algorithm. */
export const challenge = (challenge: Challenge): string =>
  `Digest realm=${quoted(challenge.realm)}, nonce=${quoted(challenge.nonce)}, ` +
  `algorithm=${challenge.algorithm}, qop="auth"` +
  (challenge.stale ? ", stale=true" : "") +
  (challenge.opaque === undefined ? "" : `, opaque=${quoted(challenge.opaque)}`);

/** Reads a challenge; `undefined` for one that we cannot or will not answer. */
export const parseChallenge = (value: string): Challenge | undefined => {
  const params = isDigest(value) ? parseParams(value) : "other scheme";
  if (typeof params === "string") return undefined;
  const algorithm = algorithmOf(params);
  const realm = Text.decodeStrict(params.get("realm") ?? "");
  const nonce = Text.decodeStrict(params.get("nonce") ?? "");
  const opaque = Text.decodeStrict(params.get("opaque") ?? "");
  const offered = (params.get("qop") ?? "").toLowerCase().split(",").map((qop) => qop.trim());
  if (algorithm === undefined || realm === undefined || !nonce || opaque === undefined) {
    return undefined;
  }
  return offered.includes("auth")
    ? {
      realm,
      nonce,
      algorithm,
      stale: params.get("stale")?.toLowerCase() === "true",
      opaque: params.has("opaque") ? opaque : undefined,
    }
    : undefined;
};

/** The strongest challenge for this realm among those allowed; never one for another realm. */
export const choose = (
  challenges: ReadonlyArray<string>,
  realm: string,
  allowed: ReadonlyArray<Algorithm> = algorithms,
): Challenge | undefined => {
  const read = challenges.map(parseChallenge);
  for (const algorithm of algorithms) {
    if (!allowed.includes(algorithm)) continue;
    const found = read.find((one) => one?.algorithm === algorithm && one.realm === realm);
    if (found !== undefined) return found;
  }
  return undefined;
};

export interface Login {
  readonly username: string;
  readonly password: string;
  readonly method: string;
  /** The Request-URI. */
  readonly uri: string;
  readonly cnonce: string;
  /** How often this nonce was used, this time included. */
  readonly count: number;
}

/** The value of the Authorization or Proxy-Authorization that answers a challenge. */
export const authorization = (challenge: Challenge, login: Login): string => {
  const { algorithm, nonce, opaque, realm } = challenge;
  const { cnonce, uri, username } = login;
  const nc = login.count.toString(16).padStart(8, "0");
  const secret = ha1(algorithm, username, realm, login.password);
  const proof = response(secret, login.method, { algorithm, nonce, nc, cnonce, uri });
  return `Digest username=${quoted(username)}, realm=${quoted(realm)}, nonce=${quoted(nonce)}, ` +
    `uri=${quoted(uri)}, response="${proof}", algorithm=${algorithm}, cnonce=${quoted(cnonce)}, ` +
    `qop=auth, nc=${nc}` + (opaque === undefined ? "" : `, opaque=${quoted(opaque)}`);
};
