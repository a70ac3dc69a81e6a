/** Messages that the tests vary. */
import type { Request } from "../../src/sip/Message.ts";
import type { Response } from "../../src/sip/Message.ts";
import type { Limits } from "../../src/sip/Limits.ts";
import * as Parser from "../../src/sip/Parser.ts";
import * as Text from "../../src/kernel/Text.ts";

const lines: ReadonlyArray<readonly [string, string]> = [
  ["Via", "SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKabc;rport"],
  ["Max-Forwards", "70"],
  ["From", '"Ann" <sip:ann@example.com>;tag=f1'],
  ["To", "<sip:bob@example.net>"],
  ["Call-ID", "c1@192.0.2.1"],
  ["CSeq", "7 INVITE"],
  ["Contact", "<sip:ann@192.0.2.1:5062>"],
];

/**
 * An INVITE as text. A change replaces the header of that name, is appended when there is none, and
 * removes it when `undefined`; `extra` lines and the body follow as they are.
 */
export const invite = (
  changes: Readonly<Record<string, string | undefined>> = {},
  extra: ReadonlyArray<string> = [],
  body = "",
): string => {
  const method = /\s(\S+)$/.exec(changes["CSeq"] ?? "7 INVITE")?.[1] ?? "INVITE";
  const kept = lines.flatMap(([name, value]) => {
    const changed = name in changes ? changes[name] : value;
    return changed === undefined ? [] : [`${name}: ${changed}`];
  });
  const added = Object.entries(changes).flatMap(([name, value]) =>
    value === undefined || lines.some(([known]) => known === name) ? [] : [`${name}: ${value}`]
  );
  return [`${method} sip:bob@example.net SIP/2.0`, ...kept, ...added, ...extra, "", body]
    .join("\r\n");
};

/** A 200 to the INVITE. */
export const ok = (changes: Readonly<Record<string, string | undefined>> = {}): string =>
  invite({ To: "<sip:bob@example.net>;tag=t1", ...changes })
    .replace(/^[^\r]*/, "SIP/2.0 200 OK");

export const parse = (text: string, limits?: Limits) => Parser.parse(Text.toBytes(text), limits);

export const request = (text: string): Request => {
  const parsed = parse(text);
  if (parsed.kind !== "request") throw new Error(JSON.stringify(parsed));
  return parsed;
};

export const response = (text: string): Response => {
  const parsed = parse(text);
  if (parsed.kind !== "response") throw new Error(JSON.stringify(parsed));
  return parsed;
};

/** Status and reason of what must be refused by the parser. */
export const refused = (text: string, limits?: Limits): readonly [number, string] => {
  const parsed = parse(text, limits);
  if (parsed.kind !== "malformed") throw new Error(`not refused: ${text.slice(0, 200)}`);
  return [parsed.status, parsed.reason];
};
