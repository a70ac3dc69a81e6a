/** Each refusal says its cause to the peer, and is counted under it. */
import { expect, test } from "vitest";
import type { Reply } from "../../schemas/Reply.ts";
import * as Hostile from "../support/Hostile.ts";
import * as RawSip from "../support/RawSip.ts";
import * as Sip from "../support/SipMessage.ts";
import * as Rig from "./Rig.ts";

const refused = "edge_requests_refused_total";
const malformed = "edge_messages_malformed_total";

const ask = async (rig: Rig.Rig, request: Hostile.Request): Promise<Sip.Message> => {
  const socket = await RawSip.udp({ remote: rig.place("udp") });
  try {
    return await Hostile.ask(socket, request);
  } finally {
    await socket.close();
  }
};

const uri = `sip:1002@${Rig.domain}`;
const invite = { method: "INVITE", uri } as const;
const sdp = { "Content-Type": "application/sdp" };
const offer = Sip.audio({ ip: "127.0.0.1", port: 40_000 });

/** What the edge refuses by itself: name, request, status, cause. */
const own: ReadonlyArray<readonly [string, Hostile.Request, number, string]> = [
  [
    "another domain",
    { ...invite, uri: "sip:a@else.test", headers: { "From": "<sip:a@else.test>;tag=1" } },
    404,
    "No Such Domain",
  ],
  [
    "a body in a coding",
    {
      ...invite,
      headers: { ...sdp, "Content-Encoding": "gzip" },
      body: offer,
    },
    415,
    "body is encoded",
  ],
  [
    "a body of another type",
    { ...invite, headers: { "Content-Type": "text/plain" }, body: "hello" },
    415,
    "type of the body is not supported",
  ],
  [
    "no type that we send",
    { ...invite, headers: { "Accept": "text/plain" } },
    406,
    "Accept names no type that we send",
  ],
  [
    "another scheme",
    { ...invite, uri: "http://one.test/" },
    416,
    "scheme of the Request-URI is not supported",
  ],
  [
    "an extension that we lack",
    { ...invite, headers: { "Require": "foo, path" } },
    420,
    "extension is not supported",
  ],
  ["no dialog", { method: "BYE", uri }, 481, "Call/Transaction Does Not Exist"],
  [
    "a dialog that is not ours",
    { method: "BYE", uri, headers: { "To": `<${uri}>;tag=forged` } },
    481,
    "Call/Transaction Does Not Exist",
  ],
  ["too many hops", { ...invite, headers: { "Max-Forwards": "0" } }, 483, "Too Many Hops"],
  ["an unknown method", { method: "FROBNICATE", uri }, 501, "method is not implemented"],
  [
    "another method in CSeq",
    { ...invite, headers: { "CSeq": "1 OPTIONS" } },
    400,
    "CSeq names another method than the start line",
  ],
  [
    "two From",
    { ...invite, headers: { "From": ["<sip:a@one.test>;tag=1", "<sip:b@one.test>;tag=2"] } },
    400,
    "more than one From",
  ],
  [
    "an offer that is too long",
    { ...invite, headers: sdp, body: `${offer}a=x:${"x".repeat(17_000)}\r\n` },
    413,
    "SDP of more than 16384 octets",
  ],
  [
    "an offer that cannot be read",
    { ...invite, headers: sdp, body: offer.replace("m=audio 40000", "m=audio many") },
    400,
    "SDP: m= port is not a number",
  ],
];

test.for(own)("%s", async ([, request, status, reason]) => {
  const rig = await Rig.start();
  const answer = await ask(rig, request);
  expect(answer.status).toBe(status);
  expect(rig.counted(refused, { by: "edge", status: String(status), reason })).toBe(1);
  expect(rig.counted(refused)).toBe(1);
  expect(rig.commands).toEqual([]);
});

/** What cannot be read, but answered. */
const unreadable: ReadonlyArray<readonly [string, Hostile.Request, number, string]> = [
  [
    "Max-Forwards",
    { ...invite, headers: { "Max-Forwards": "many" } },
    400,
    "Max-Forwards is not a number from 0 to 255",
  ],
  [
    "Request-URI",
    { ...invite, uri: `sip:${"u".repeat(600)}@x` },
    414,
    "Request-URI of more than 512 octets",
  ],
  [
    "header",
    { ...invite, headers: { "X": "x".repeat(9_000) } },
    400,
    "header of more than 8192 octets",
  ],
  [
    "Content-Length",
    { ...invite, headers: { "Content-Length": "9999" } },
    400,
    "Content-Length is larger than the datagram",
  ],
];

test.for(unreadable)("a wrong %s", async ([, request, status, reason]) => {
  const rig = await Rig.start();
  const answer = await ask(rig, request);
  expect(answer.start).toBe(`SIP/2.0 ${status} ${reason}`);
  expect(rig.counted(malformed, { reason })).toBe(1);
  expect(rig.counted(refused, { by: "edge", status: String(status), reason })).toBe(1);
  expect(rig.counted("edge_messages_dropped_total")).toBe(0);
});

test("what can neither be read nor answered is counted by cause and as dropped", async () => {
  const rig = await Rig.start();
  const socket = await RawSip.udp({ remote: rig.place("udp") });
  socket.send("this is no SIP");
  socket.send("SIP/2.0 200 OK\r\n\r\n");
  expect((await Hostile.ask(socket)).status).toBe(200);
  expect(rig.counted(malformed, { reason: "no Via" })).toBe(1);
  expect(rig.counted(malformed)).toBe(2);
  expect(rig.counted("edge_messages_dropped_total", { reason: "malformed" })).toBe(2);
  expect(rig.counted(refused)).toBe(0);
  await socket.close();
});

const challenged = (stale: boolean): Reply => ({
  _tag: "Challenged",
  realm: Rig.domain,
  nonce: "n",
  algorithms: ["SHA-256"],
  stale,
});
const answered = (status: number, reason: string | null = null): Reply => ({
  _tag: "Answered",
  status,
  reason,
  headers: [],
});
const register = (headers: Hostile.Request["headers"] = {}): Hostile.Request => ({
  method: "REGISTER",
  uri: `sip:${Rig.domain}`,
  headers: { "To": `<sip:1001@${Rig.domain}>`, ...headers },
});
const signed = register({ "Authorization": 'Digest username="1001", realm="x"' });

/** What the core says: name, request, reply, status, cause. */
const core: ReadonlyArray<
  readonly [string, Hostile.Request, Reply | undefined, number, string]
> = [
  ["nobody signed in", register(), challenged(false), 401, "no credentials"],
  ["a wrong answer", signed, challenged(false), 401, "wrong credentials"],
  ["an old nonce", signed, challenged(true), 401, "stale nonce"],
  ["no right", register(), answered(403), 403, "Forbidden"],
  [
    "a cause of its own",
    register(),
    answered(403, "Secure Transport Required"),
    403,
    "Secure Transport Required",
  ],
  ["a short registration", register(), answered(423), 423, "Interval Too Brief"],
  [
    "a busy core",
    register(),
    { _tag: "Overloaded", retryAfterMs: 1_500 },
    503,
    "core is overloaded",
  ],
  [
    "a reply that is none",
    register(),
    { _tag: "Unprovisioned" },
    500,
    "unexpected reply Unprovisioned",
  ],
  [
    "a method that is not served",
    { method: "MESSAGE", uri },
    answered(200),
    405,
    "Method Not Allowed",
  ],
  ["an event that is not served", { method: "SUBSCRIBE", uri }, answered(200), 489, "Bad Event"],
];

test.for(core)("the core says: %s", async ([, request, reply, status, reason]) => {
  const rig = await Rig.start({ answer: () => reply });
  const answer = await ask(rig, request);
  expect(answer.status).toBe(status);
  expect(rig.counted(refused, { by: "core", status: String(status), reason })).toBe(1);
  expect(rig.counted(refused)).toBe(1);
  if (status === 503) expect(Sip.header(answer, "retry-after")).toBe("2");
});

test("what a call refuses is counted as the call's, each effect once", async () => {
  const rig = await Rig.start({ answer: () => ({ _tag: "Accepted" }) });
  const socket = await RawSip.udp({ remote: rig.place("udp") });
  const { callId, text } = Hostile.build(socket, { ...invite, headers: sdp, body: offer });
  socket.send(text);
  await socket.next("100", ({ status }) => status === 100);
  const [command] = rig.commands;
  if (command?.command._tag !== "OfferCall") throw new Error("no offer");
  const batch = {
    cell: "a",
    shard: 0,
    epoch: 1,
    effects: [{
      ref: { actor: command.actor, epoch: 1, sequence: 1, index: 0, slot: "response:0" },
      deadline: Date.now() + 10_000,
      body: {
        _tag: "SendResponse",
        leg: 0,
        path: command.command.path,
        status: 488,
        reason: null,
        toTag: "ours",
        contactUser: null,
        headers: [],
        sdp: null,
        awaitsAnswer: false,
      },
    }],
  } as const;
  expect(await rig.perform(batch)).toEqual(["done"]);
  expect(await rig.perform(batch)).toEqual(["done"]);
  const answer = await socket.next("488", (one) => one.text.includes(callId) && one.status === 488);
  expect(Sip.tagOf(Sip.header(answer, "to"))).toBe("ours");
  expect(rig.counted(refused, { by: "call", status: "488" })).toBe(1);
  await socket.close();
});
