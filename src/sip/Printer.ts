/**
 * Parts to octets (RFC 3261 section 7). The result is a binary string: `Text.write` puts it into a
 * send buffer, `Text.toBytes` makes octets of it.
 *
 * No value can end its line: CR, LF and NUL that are no fold leave as spaces. A name or a method
 * that is no token is a defect of the caller and throws: peers' names were checked by the parser.
 */
import * as Status from "./Status.ts";
import { isToken, skip, uriChar } from "./Syntax.ts";
import * as Text from "../kernel/Text.ts";

export type HeaderField = readonly [name: string, value: string];

export interface RequestParts {
  readonly method: string;
  readonly uri: string;
  /** In this order; Content-Length is added, and ignored here. */
  readonly fields: ReadonlyArray<HeaderField>;
  readonly body?: string | undefined;
}

export interface ResponseParts {
  readonly status: number;
  readonly reason?: string | undefined;
  readonly fields: ReadonlyArray<HeaderField>;
  readonly body?: string | undefined;
}

// Built from text because a literal may not hold control characters.
const unsafe = new RegExp("[\\0\\r\\n\\u0100-\\uffff]");
const wide = /[\u0100-\uffff]/;
const SPACE = 32;

/** Text above U+00FF is no binary string, so it is what people wrote: its UTF-8 is sent. */
const octets = (text: string): string => wide.test(text) ? Text.encode(text) : text;

/** Index after a fold that starts at `i` and has content after its white space, or -1. */
const foldEnd = (text: string, i: number): number => {
  if (!text.startsWith("\r\n", i)) return -1;
  let after = i + 2;
  while (text.charAt(after) === " " || text.charAt(after) === "\t") after++;
  return after > i + 2 && text.charCodeAt(after) > SPACE ? after : -1;
};

/** A value that stays one header, whatever it holds. */
const clean = (value: string): string => {
  const text = octets(value);
  let out = "";
  for (let i = 0; i < text.length;) {
    const c = text.charAt(i);
    const after = c === "\r" ? foldEnd(text, i) : -1;
    if (after !== -1) {
      out += text.slice(i, after);
      i = after;
    } else {
      out += c === "\r" || c === "\n" || c === "\0" ? " " : c;
      i++;
    }
  }
  return out;
};

/** A Request-URI that stays between its spaces: every other octet leaves as its escape. */
const cleanUri = (uri: string): string => {
  if (skip(uriChar, uri, 0, uri.length) === uri.length) return uri;
  let out = "";
  for (const c of Text.encode(uri)) {
    const code = c.charCodeAt(0);
    out += uriChar[code] === 1 ? c : "%" + code.toString(16).toUpperCase().padStart(2, "0");
  }
  return out;
};

const isContentLength = (name: string): boolean =>
  name.length === 1
    ? name === "l" || name === "L"
    : name.length === 14 && name.toLowerCase() === "content-length";

const print = (
  startLine: string,
  fields: ReadonlyArray<HeaderField>,
  body: string | undefined,
): string => {
  let out = startLine;
  for (let i = 0; i < fields.length; i++) {
    const [name, value] = fields[i]!;
    if (isContentLength(name)) continue;
    if (!isToken(name)) throw new RangeError("a header name is not a token");
    out += name + ": " + (unsafe.test(value) ? clean(value) : value) + "\r\n";
  }
  const content = body === undefined ? "" : octets(body);
  return out + "Content-Length: " + content.length + "\r\n\r\n" + content;
};

/** A request. */
export const request = (parts: RequestParts): string => {
  if (!isToken(parts.method)) throw new RangeError("a method is not a token");
  return print(
    parts.method + " " + cleanUri(parts.uri) + " SIP/2.0\r\n",
    parts.fields,
    parts.body,
  );
};

/** A response; without a reason the status's usual one. */
export const response = (parts: ResponseParts): string => {
  const { status } = parts;
  if (!Number.isInteger(status) || status < 100 || status > 699) {
    throw new RangeError("a status code is not from 100 to 699");
  }
  const reason = parts.reason === undefined ? Status.phrase(status) : clean(parts.reason);
  return print(
    "SIP/2.0 " + status + " " + reason.replaceAll("\r\n", " ") + "\r\n",
    parts.fields,
    parts.body,
  );
};
