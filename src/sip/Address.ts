/** Name and address (RFC 3261 sections 20.10, 20.20, 20.39): From, To, Contact, Route... */
import * as Params from "./Params.ts";
import { quote, quotedEnd, same, skip, skipSpace, trimEnd, unquote, uriChar } from "./Syntax.ts";

const QUOTE = 34;
const LESS = 60;
const GREATER = 62;
const SEMICOLON = 59;

export interface Address {
  /** Without quotes and escapes; `""` when there is none. */
  readonly display: string;
  /** As it was written; `Uri.parse` reads it. */
  readonly uri: string;
  readonly tag: string | undefined;
  /** Header parameters (not the URI's) as they were written, from the first semicolon on. */
  readonly params: string;
}

/**
 * Unquoted display names: RFC 3261 wants tokens. In the field they also hold `@`, `(`, `&` and
 * UTF-8, which cannot be mistaken for anything else here; delimiters stay refused.
 */
const displayChar = (() => {
  const table = new Uint8Array(256).fill(1, 32);
  table[9] = 1;
  table[127] = 0;
  for (const c of '",;:<>\\') table[c.charCodeAt(0)] = 0;
  return table;
})();

/** A bare address (no `<`) ends where its header's parameters start (section 20). */
const bareChar = (() => {
  const table = uriChar.slice();
  for (const c of ",;?") table[c.charCodeAt(0)] = 0;
  return table;
})();

const cursor = new Params.Cursor();

/** The whole of [start, end) as one address, or `undefined` when it is malformed. */
export const parse = (text: string, start = 0, end = text.length): Address | undefined => {
  start = skipSpace(text, start, end);
  let display = "";
  let i = start;
  if (text.charCodeAt(i) === QUOTE) {
    i = quotedEnd(text, i, end);
    if (i === -1 || i > end) return undefined;
    display = unquote(text.slice(start, i));
    i = skipSpace(text, i, end);
    if (text.charCodeAt(i) !== LESS) return undefined;
  } else if (text.charCodeAt(i) !== LESS) {
    const named = skip(displayChar, text, i, end);
    if (named < end && text.charCodeAt(named) === LESS) {
      display = text.slice(i, trimEnd(text, i, named));
      i = named;
    } else {
      const after = skip(bareChar, text, i, end);
      return after === i ? undefined : withParams(text, "", i, after, after, end);
    }
  }
  const after = skip(uriChar, text, i + 1, end);
  if (after === i + 1 || after >= end || text.charCodeAt(after) !== GREATER) return undefined;
  return withParams(text, display, i + 1, after, after + 1, end);
};

const withParams = (
  text: string,
  display: string,
  uriStart: number,
  uriEnd: number,
  after: number,
  end: number,
): Address | undefined => {
  let tag: string | undefined;
  const first = skipSpace(text, after, end);
  let i = first;
  while (i < end) {
    if (text.charCodeAt(i) !== SEMICOLON) return undefined;
    i = Params.next(text, i, end, cursor);
    if (i === -1) return undefined;
    if (same(text, cursor.nameStart, cursor.nameEnd, "tag")) {
      // Two tags, an empty one or a quoted one would name another dialog to another reader.
      if (tag !== undefined || cursor.valueStart === -1) return undefined;
      if (text.charCodeAt(cursor.valueStart) === QUOTE) return undefined;
      tag = text.slice(cursor.valueStart, cursor.valueEnd);
    }
  }
  return {
    display,
    uri: text.slice(uriStart, uriEnd),
    tag,
    params: text.slice(first, trimEnd(text, first, end)),
  };
};

/** As a header value: always with `<` and `>`, the display name always quoted. */
export const print = (display: string, uri: string, params = ""): string =>
  (display === "" ? "<" : quote(display) + " <") + uri + ">" + params;
