/** What an answer to an unreadable request needs, as far as it is there (section 8.2.6.2). */
import * as HeaderName from "./HeaderName.ts";
import type { Limits } from "./Limits.ts";
import type { ReplyParts } from "./Message.ts";
import { skip, skipSpace, tokenChar, unfold } from "./Syntax.ts";
import * as Via from "./Via.ts";

const COLON = 58;

/** Where the header that starts at `line` ends, folds included, or -1. */
const lineEnd = (text: string, line: number): number => {
  let end = text.indexOf("\r\n", line);
  while (end > line && skipSpace(text, end + 2, end + 3) > end + 2) {
    end = text.indexOf("\r\n", end + 2);
  }
  return end;
};

/**
 * Only lines with a proper name count, and only the first of each but Via: what is repeated to the
 * sender is then what it wrote, whoever else reads it differently.
 */
export const replyParts = (
  text: string,
  start: number,
  limits: Limits,
): ReplyParts | undefined => {
  const method = text.slice(start, skip(tokenChar, text, start, text.length));
  if (method === "" || method === "ACK" || text.startsWith("SIP/", start)) return undefined;
  const vias: Array<string> = [];
  const found = new Map<string, string>();
  const end = Math.min(text.length, start + limits.head);
  let line = text.indexOf("\r\n", start) + 2;
  while (line > 1 && line < end) {
    const next = lineEnd(text, line);
    if (next === -1 || next === line) break;
    const nameEnd = skip(tokenChar, text, line, next);
    const colon = skipSpace(text, nameEnd, next);
    if (nameEnd > line && text.charCodeAt(colon) === COLON && next - line <= limits.line) {
      const name = HeaderName.canonical(text.slice(line, nameEnd));
      const value = unfold(text.slice(colon + 1, next));
      if (name === "via") vias.push(value);
      else if (!found.has(name)) found.set(name, value);
    }
    line = next + 2;
  }
  return assemble(vias, found, limits);
};

/** The Via that can be read, or its protocol and sent-by alone: the answer goes to the source. */
const readable = (value: string): Via.Via | undefined => {
  const end = value.search(/[;,]/);
  return Via.parse(value) ?? (end === -1 ? undefined : Via.parse(value.slice(0, end).trimEnd()));
};

const assemble = (
  vias: ReadonlyArray<string>,
  found: ReadonlyMap<string, string>,
  limits: Limits,
): ReplyParts | undefined => {
  const via = vias[0] === undefined ? undefined : readable(vias[0]);
  const from = found.get("from");
  const to = found.get("to");
  const callId = found.get("call-id");
  const cseq = found.get("cseq");
  if (via === undefined || vias.length > limits.vias) return undefined;
  if (!from || !to || !callId || !cseq || cseq.endsWith(" ACK")) return undefined;
  return { vias, via, from, to, callId, cseq, timestamp: undefined };
};
