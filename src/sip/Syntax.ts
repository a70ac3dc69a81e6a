/** Character classes and small scans of RFC 3261 section 25.1 that all the readers share. */

const TAB = 9;
const SPACE = 32;
const QUOTE = 34;
const BACKSLASH = 92;

const classOf = (extra: string): Uint8Array => {
  const table = new Uint8Array(256);
  const all = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" + extra;
  for (let i = 0; i < all.length; i++) table[all.charCodeAt(i)] = 1;
  return table;
};

const tokenExtra = "-.!%*_+`'~";
/** `token`: names of headers and parameters, methods, tags. */
export const tokenChar = classOf(tokenExtra);
/** Unquoted parameter values: token or host, and what else is seen in the field. */
export const valueChar = classOf(tokenExtra + "[]:=/@&$#^|{}()?");
/** Host names and IPv4 addresses, with the `_` of the field. */
export const hostChar = classOf("-._");
/** Inside the brackets of an IPv6 reference (RFC 5118 section 4.10 wants `:::` tolerated). */
export const ipv6Char = (() => {
  const table = new Uint8Array(256);
  for (const c of "0123456789abcdefABCDEF:.") table[c.charCodeAt(0)] = 1;
  return table;
})();
/** Anything that a URI may hold between `<` and `>`: visible ASCII but the delimiters. */
export const uriChar = (() => {
  const table = new Uint8Array(256);
  for (let c = 33; c < 127; c++) table[c] = 1;
  for (const c of '<>"') table[c.charCodeAt(0)] = 0;
  return table;
})();

/** First index at or after `i` that is no character of the class; `end` when all are. */
export const skip = (table: Uint8Array, text: string, i: number, end: number): number => {
  while (i < end && table[text.charCodeAt(i)] === 1) i++;
  return i;
};

/** First index at or after `i` that is neither space nor tab. */
export const skipSpace = (text: string, i: number, end: number): number => {
  while (i < end) {
    const c = text.charCodeAt(i);
    if (c !== SPACE && c !== TAB) break;
    i++;
  }
  return i;
};

/** The end of [start, end) without trailing space and tab. */
export const trimEnd = (text: string, start: number, end: number): number => {
  while (end > start) {
    const c = text.charCodeAt(end - 1);
    if (c !== SPACE && c !== TAB) break;
    end--;
  }
  return end;
};

/** Index after the quoted string that opens at `i`, or -1 when it never closes. */
export const quotedEnd = (text: string, i: number, end: number): number => {
  for (i++; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) return i + 1;
    if (c === BACKSLASH) i++;
  }
  return -1;
};

/** What a quoted string, given with its quotes, says: without them and their backslashes. */
export const unquote = (quoted: string): string => {
  const inner = quoted.slice(1, -1);
  if (inner.indexOf("\\") === -1) return inner;
  let out = "";
  for (let i = 0; i < inner.length; i++) {
    if (inner.charCodeAt(i) === BACKSLASH && i + 1 < inner.length) i++;
    out += inner.charAt(i);
  }
  return out;
};

/** As a quoted string (RFC 3261 section 25.1): `"` and `\` get their backslash. */
export const quote = (text: string): string => {
  let out = '"';
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE || c === BACKSLASH) out += "\\";
    out += text.charAt(i);
  }
  return out + '"';
};

/** True when `text` is a token: one character of the class at least, and no other. */
export const isToken = (text: string): boolean =>
  text.length > 0 && skip(tokenChar, text, 0, text.length) === text.length;

/** True when [start, end) is `lower`, which is lower-case letters, digits and `-`. */
export const same = (text: string, start: number, end: number, lower: string): boolean => {
  if (end - start !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    const c = text.charCodeAt(start + i);
    if (c !== lower.charCodeAt(i) && (c < 65 || c > 90 || c + 32 !== lower.charCodeAt(i))) {
      return false;
    }
  }
  return true;
};

/** The decimal number in [start, end), or -1 when it is none, negative, or above `max`. */
export const number = (text: string, start: number, end: number, max: number): number => {
  if (start >= end) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
    if (value > max) return -1;
  }
  return value;
};

/** One line: each fold (line end, then white space) becomes a single space; the ends are bare. */
export const unfold = (raw: string): string => {
  let out = "";
  let from = 0;
  for (;;) {
    const cut = raw.indexOf("\r\n", from);
    if (cut === -1) break;
    out += raw.slice(from, trimEnd(raw, from, cut)) + " ";
    from = skipSpace(raw, cut + 2, raw.length);
  }
  out += raw.slice(from);
  const start = skipSpace(out, 0, out.length);
  return out.slice(start, trimEnd(out, start, out.length));
};
