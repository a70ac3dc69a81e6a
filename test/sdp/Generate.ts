/** Random session descriptions, and one as phones send it. */
import fc from "fast-check";
import type * as Session from "../../src/sdp/Session.ts";

const tokenCharacters = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._+!%"];
export const token = fc.string({
  unit: fc.constantFrom(...tokenCharacters),
  minLength: 1,
  maxLength: 12,
});
/** Any text that a line may hold. */
const value = fc.string({ unit: "grapheme", maxLength: 24 }).map((text) =>
  text.replaceAll(/[\0\r\n]/g, "_")
);
const digits = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);

export const ip4 = fc.ipV4();
export const address: fc.Arbitrary<Session.Address> = fc.oneof(
  ip4.map((host) => ({ type: "IP4" as const, host })),
  fc.ipV6().map((host) => ({ type: "IP6" as const, host })),
  fc.constantFrom("0.0.0.0", "host.example.com", "224.2.1.1/127").map((host) => ({
    type: "IP4" as const,
    host,
  })),
);

const line = (types: string) =>
  fc.record({ type: fc.constantFrom(...types), value }) as fc.Arbitrary<Session.Line>;
const lines = (before: string, after: string, always: ReadonlyArray<Session.Line>) =>
  fc.tuple(
    fc.array(line(before), { maxLength: 2 }),
    fc.array(line(after), { maxLength: 2 }),
  ).map(([head, tail]) => [...head, ...tail, ...always]);

const payloadType = fc.oneof(fc.constantFrom(0, 8, 18), fc.integer({ min: 0, max: 127 }));
const rtpmap = fc.tuple(payloadType, token, fc.integer({ min: 1, max: 2 ** 31 - 1 })).map(
  ([type, encoding, rate]) => ({ name: "rtpmap", value: `${type} ${encoding}/${rate}` }),
);
const known = fc.oneof(
  rtpmap,
  fc.tuple(payloadType, value).map(([type, text]) => ({ name: "fmtp", value: `${type} ${text}` })),
  fc.integer({ min: 1, max: 1000 }).map((ms) => ({ name: "ptime", value: `${ms}` })),
  fc.integer({ min: 0, max: 65535 }).map((port) => ({ name: "rtcp", value: `${port}` })),
  fc.constantFrom("sendrecv", "sendonly", "recvonly", "inactive", "rtcp-mux", "ice-lite")
    .map((name) => ({ name, value: null })),
  fc.constantFrom("candidate", "crypto", "fingerprint", "setup", "ice-ufrag", "x-other")
    .map((name) => ({ name, value: "1 secret 192.0.2.99" })),
);
const reserved = new Set(["rtpmap", "fmtp", "ptime", "maxptime", "rtcp"]);
const unknown = fc.record({ name: token, value: fc.option(value) })
  .filter(({ name }) => !reserved.has(name));
const attributes = fc.array(fc.oneof(known, unknown), { maxLength: 6 });

const port = fc.oneof(
  { weight: 1, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 65_535 }) },
);
const rtp = fc.record({
  kind: fc.constantFrom("audio", "audio", "video", "text"),
  port,
  portCount: fc.constantFrom(1, 1, 1, 1, 2),
  protocol: fc.constantFrom("RTP/AVP", "RTP/AVP", "RTP/AVPF", "RTP/SAVP", "UDP/TLS/RTP/SAVPF"),
  formats: fc.uniqueArray(payloadType, { minLength: 1, maxLength: 6 })
    .map((types) => types.map(String)),
  connection: fc.option(address),
  lines: lines("i", "bkx", []),
  attributes,
});
const other = fc.record({
  kind: fc.constantFrom("image", "message", "application"),
  port,
  portCount: fc.constant(1),
  protocol: fc.constantFrom("udptl", "TCP/MSRP", "UDP/BFCP"),
  formats: fc.array(token, { minLength: 1, maxLength: 3 }),
  connection: fc.option(address),
  lines: lines("i", "bx", []),
  attributes,
});

/** Descriptions that are valid, odd ones among them. */
export const session: fc.Arbitrary<Session.Session> = fc.record({
  origin: fc.record({ username: token, sessionId: digits, version: digits, address }),
  name: value.map((text) => text.trim()),
  connection: address,
  lines: lines("iuep", "btrzkx", [{ type: "t", value: "0 0" }]),
  attributes,
  media: fc.array(fc.oneof({ weight: 3, arbitrary: rtp }, { weight: 1, arbitrary: other }), {
    maxLength: 5,
  }),
});

/** 17 lines, as a desk phone offers them. */
export const phoneBody = [
  "v=0",
  "o=alice 2890844526 2890844527 IN IP4 192.0.2.10",
  "s=phone call",
  "c=IN IP4 192.0.2.10",
  "t=0 0",
  "m=audio 49170 RTP/AVP 9 0 8 18 101",
  "a=rtpmap:9 G722/8000",
  "a=rtpmap:0 PCMU/8000",
  "a=rtpmap:8 PCMA/8000",
  "a=rtpmap:18 G729/8000",
  "a=fmtp:18 annexb=no",
  "a=rtpmap:101 telephone-event/8000",
  "a=fmtp:101 0-16",
  "a=ptime:20",
  "a=maxptime:240",
  "a=rtcp:49171 IN IP4 192.0.2.10",
  "a=sendrecv",
  "",
].join("\r\n");

/** A body of these lines under a plain head; `{n}` of them is line n + 5. */
export const bodyOf = (...after: ReadonlyArray<string>): string =>
  ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", ...after, ""]
    .join("\r\n");
