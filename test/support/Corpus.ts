/** The torture messages of RFC 4475 and RFC 5118 as they go over a wire. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { corpus } from "./Need.ts";
import { token } from "./SipMessage.ts";

export interface Torture {
  readonly file: string;
  readonly expect: "accept" | "reject" | "either" | "none";
  readonly detail: string;
  readonly text: string;
  /** The branch of its topmost Via, if it has one. */
  readonly branch: string | undefined;
  readonly callId: string | undefined;
}

interface Expected {
  readonly file: string;
  readonly expect: Torture["expect"];
  readonly detail: string;
  readonly wire?: string;
}

export const read = (): ReadonlyArray<Torture> => {
  const expected = JSON.parse(readFileSync(join(corpus, "expected.json"), "utf8"));
  const entries: ReadonlyArray<Expected> = [...expected.rfc4475, ...expected.rfc5118];
  return entries.map(onWire);
};

const onWire = (entry: Expected): Torture => {
  const { file, expect, detail } = entry;
  const published = readFileSync(join(corpus, file), "latin1");
  const lines = entry.wire === undefined ? published : withLineEnds(published);
  const complete = /append CRLF/.test(detail) ? `${lines}\r\n` : lines;
  const text = /recompute Content-Length/.test(detail) ? withLength(complete) : complete;
  const own = ownBranch(text);
  const callId = /^(?:call-id|i)\s*:\s*(\S+)\s*$/im.exec(text)?.[1];
  return { file, expect, detail, text: own.text, branch: own.branch, callId };
};

const withLineEnds = (text: string): string => {
  const ended = text.replaceAll("\n", "\r\n");
  return ended.includes("\r\n\r\n") ? ended : `${ended.replace(/(\r\n)*$/, "")}\r\n\r\n`;
};

const withLength = (text: string): string => {
  const length = text.length - text.indexOf("\r\n\r\n") - 4;
  return text.replace(/^(Content-Length:\s*)\d+/im, (_, name: string) => `${name}${length}`);
};

/**
 * Many files share a branch, so that one after the other each would be a retransmission of the
 * first: a plain branch is replaced by one of its own of the same length.
 */
const ownBranch = (
  text: string,
): { readonly text: string; readonly branch: string | undefined } => {
  const topmost = /^(?:via|v)\s*:[^,\r]*/im.exec(text)?.[0] ?? "";
  const found = /;branch=([^;,\s]+)/i.exec(topmost)?.[1];
  if (found === undefined || !/^z9hG4bK[a-z0-9]{4,}$/i.test(found)) return { text, branch: found };
  const branch = `z9hG4bK${token(found.length - 7)}`;
  return { text: text.replace(found, branch), branch };
};
