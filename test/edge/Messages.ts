/** Messages as the parser gives them, from a few words. */
import type { Request, Response } from "../../src/sip/Message.ts";
import * as Parser from "../../src/sip/Parser.ts";
import type { RequestParts } from "../../src/sip/Printer.ts";

export interface Words {
  readonly branch?: string;
  readonly cseq?: number;
  readonly toTag?: string;
  readonly fromTag?: string;
  readonly callId?: string;
}

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);

const head = (method: string, words: Words): ReadonlyArray<string> => {
  const { branch = "z9hG4bKone", callId = "call-1", cseq = 1, fromTag = "f" } = words;
  const tag = words.toTag === undefined ? "" : `;tag=${words.toTag}`;
  return [
    `Via: SIP/2.0/UDP 192.0.2.9:5060;branch=${branch}`,
    `From: <sip:a@one.test>;tag=${fromTag}`,
    `To: <sip:b@one.test>${tag}`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} ${method}`,
    "Content-Length: 0",
    "",
    "",
  ];
};

export const request = (method: string, words: Words = {}): Request => {
  const text = [`${method} sip:b@one.test SIP/2.0`, ...head(method, words)].join("\r\n");
  const parsed = Parser.parse(octets(text));
  if (parsed.kind !== "request") throw new Error(`no request: ${text}`);
  return parsed;
};

export const response = (status: number, method: string, words: Words = {}): Response => {
  const tagged = { toTag: "t", ...words };
  const text = [`SIP/2.0 ${status} Words`, ...head(method, tagged)].join("\r\n");
  const parsed = Parser.parse(octets(text));
  if (parsed.kind !== "response") throw new Error(`no response: ${text}`);
  return parsed;
};

/** A request of ours, to be sent. */
export const parts = (method: string, branch = "z9hG4bKone"): RequestParts => ({
  method,
  uri: "sip:b@192.0.2.9",
  fields: [
    ["Via", `SIP/2.0/UDP 192.0.2.1:5060;branch=${branch};rport`],
    ["Max-Forwards", "70"],
    ["From", "<sip:a@one.test>;tag=f"],
    ["To", "<sip:b@one.test>"],
    ["Call-ID", "call-1"],
    ["CSeq", `1 ${method}`],
  ],
});
