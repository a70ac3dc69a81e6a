/** Headers that are read when somebody asks. */
import * as Address from "./Address.ts";
import * as Limits from "./Limits.ts";
import * as List from "./List.ts";
import { first, type Message, values } from "./Message.ts";
import * as Params from "./Params.ts";
import { number, skip, skipSpace, tokenChar } from "./Syntax.ts";

/** `Contact: *` stands alone in a REGISTER (RFC 3261 section 10.2.2). */
export type Contacts = "*" | ReadonlyArray<Address.Address>;

const addresses = (elements: ReadonlyArray<string>): ReadonlyArray<Address.Address> | undefined => {
  const all: Array<Address.Address> = [];
  for (const element of elements) {
    const address = Address.parse(element);
    if (address === undefined || address.uri.length > Limits.defaults.uri) return undefined;
    all.push(address);
  }
  return all;
};

/** All Contacts; `undefined` when one is malformed, or `*` is not alone. */
export const contacts = (message: Message): Contacts | undefined => {
  const elements = List.splitAll(values(message, "contact"));
  if (elements === undefined) return undefined;
  return elements.length === 1 && elements[0] === "*" ? "*" : addresses(elements);
};

/** The one Contact of a message that makes or refreshes a dialog; `undefined` for none or many. */
export const contact = (message: Message): Address.Address | undefined => {
  const all = contacts(message);
  return all !== undefined && all !== "*" && all.length === 1 ? all[0] : undefined;
};

/** A list of addresses, topmost first; `undefined` when one is malformed or has no brackets. */
export const routes = (
  message: Message,
  name: "route" | "record-route" | "path" | "service-route",
): ReadonlyArray<Address.Address> | undefined => {
  const elements = List.splitAll(values(message, name));
  // Without brackets the URI's `lr` would be a parameter of the header (section 20.34 wants them).
  return elements?.every((element) => element.includes("<")) ? addresses(elements) : undefined;
};

/** A list of tokens such as Supported, Require or Allow, as written. */
export const tokens = (message: Message, name: string): ReadonlyArray<string> | undefined =>
  List.tokens(values(message, name));

/** True when the list holds this lower-case option tag. */
export const includes = (message: Message, name: string, tag: string): boolean =>
  tokens(message, name)?.some((token) => token.toLowerCase() === tag) ?? false;

const maxDelta = 0xffffffff;

/** Seconds (section 20.19): a larger number than 2^32 - 1 counts as that; no number is none. */
export const seconds = (text: string): number | undefined => {
  const end = skip(tokenChar, text, 0, text.length);
  const value = number(text, 0, end, Number.MAX_SAFE_INTEGER);
  if (value !== -1) return Math.min(value, maxDelta);
  return end > 0 && /^\d+$/.test(text.slice(0, end)) ? maxDelta : undefined;
};

/** Expires, Min-Expires, Retry-After, Session-Expires, Min-SE: the seconds at their start. */
export const delta = (
  message: Message,
  name: "expires" | "min-expires" | "retry-after" | "session-expires" | "min-se",
): number | undefined => {
  const value = first(message, name);
  return value === undefined ? undefined : seconds(value);
};

/** The `expires` of a Contact. */
export const contactExpires = (contact: Address.Address): number | undefined => {
  const value = Params.get(contact.params, "expires");
  return value === undefined ? undefined : seconds(value);
};

/** The `q` of a Contact in thousandths (section 25.1 allows three digits); 1,000 without one. */
export const q = (contact: Address.Address): number | undefined => {
  const value = Params.get(contact.params, "q");
  if (value === undefined) return 1_000;
  if (!/^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(value)) return undefined;
  return Math.round(Number(value) * 1_000);
};

/** `application/sdp` of `Application/SDP; charset=x`: lower case, without parameters. */
export const mediaType = (contentType: string): string => {
  const semicolon = contentType.indexOf(";");
  const type = semicolon === -1 ? contentType : contentType.slice(0, semicolon);
  return type.replaceAll(/[ \t]/g, "").toLowerCase();
};

/** True when the Accept headers, or their absence, allow this type (section 20.1). */
export const accepts = (message: Message, type: string, byDefault: boolean): boolean => {
  const all = values(message, "accept");
  if (all.length === 0) return byDefault;
  const ranges = (List.splitAll(all) ?? []).map(mediaType);
  const anySubtype = type.slice(0, type.indexOf("/")) + "/*";
  return ranges.some((range) => range === type || range === anySubtype || range === "*/*");
};

export interface RAck {
  readonly rseq: number;
  readonly cseq: number;
  readonly method: string;
}

/** RAck of a PRACK (RFC 3262 section 7.2). */
export const rack = (message: Message): RAck | undefined => {
  const value = first(message, "rack");
  if (value === undefined) return undefined;
  const firstEnd = skip(tokenChar, value, 0, value.length);
  const second = skipSpace(value, firstEnd, value.length);
  const secondEnd = skip(tokenChar, value, second, value.length);
  const third = skipSpace(value, secondEnd, value.length);
  const rseq = number(value, 0, firstEnd, maxDelta);
  const cseq = number(value, second, secondEnd, 0x7fffffff);
  const method = value.slice(third);
  return rseq === -1 || cseq === -1 ||
      skip(tokenChar, method, 0, method.length) !== method.length ||
      method === ""
    ? undefined
    : { rseq, cseq, method };
};
