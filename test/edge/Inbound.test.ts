/** Floods, keep-alives and defects at the UDP door. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { udp } from "../../src/role/Udp.ts";
import type { Udp } from "../../src/udp/Udp.ts";
import { acknowledge } from "../support/Dialog.ts";
import * as Hostile from "../support/Hostile.ts";
import * as Ports from "../support/Ports.ts";
import * as RawSip from "../support/RawSip.ts";
import * as Sip from "../support/SipMessage.ts";
import { until } from "../support/Until.ts";
import * as Rig from "./Rig.ts";

const refused = "edge_requests_refused_total";
const dropped = "edge_messages_dropped_total";
const never = { perSecond: 0.001, burst: 3 };
const options = { uri: `sip:1002@${Rig.domain}` };
const waitMs = 5_000;

/** A bare socket and all that came to it. */
const bare = async (rig: Rig.Rig, ip = "127.0.0.1") => {
  const socket = createSocket("udp4");
  const received: Array<string> = [];
  socket.on("message", (bytes) => received.push(new TextDecoder().decode(bytes)));
  await new Promise<void>((resolve) => socket.bind(0, ip, resolve));
  const { port } = rig.place("udp");
  return {
    received,
    port: socket.address().port,
    send: (text: string) => socket.send(text, port, "127.0.0.1"),
    close: () => new Promise<void>((resolve) => socket.close(resolve)),
  };
};

test("a port that the system chose but TCP has not free is given back for another", async () => {
  const taken = createServer();
  const port = await Ports.free();
  await new Promise<void>((resolve) => taken.listen(port, "127.0.0.1", resolve));
  const own = udp();
  let binds = 0;
  const first: Udp = { bind: (how) => own.bind({ ...how, port: binds++ === 0 ? port : how.port }) };
  const rig = await Rig.start({ udp: first });
  expect(rig.place("tcp")).toEqual(rig.place("udp"));
  expect(rig.place("udp").port).not.toBe(port);
  await until("the port that was given back", () => Ports.bindsUdp("127.0.0.1", port), waitMs);
  await new Promise((resolve) => taken.close(resolve));
});

test("over its rate a source is not heard, others are", async () => {
  const rig = await Rig.start({ limits: { messages: never } });
  const [loud, quiet] = await Promise.all(
    ["127.0.0.11", "127.0.0.12"].map((ip) => RawSip.udp({ remote: rig.place("udp"), ip })),
  );
  if (loud === undefined || quiet === undefined) throw new Error("two sockets");
  for (let n = 0; n < 3; n += 1) await Hostile.ask(loud);
  for (let n = 0; n < 20; n += 1) loud.send(Hostile.build(loud).text);
  await rig.counts(dropped, { reason: "rate" }, 20);
  expect((await Hostile.ask(quiet)).status).toBe(200);
  expect(loud.received).toHaveLength(3);
  await Promise.all([loud.close(), quiet.close()]);
});

test("new dialogs over the rate get 503 with Retry-After, all else its answer", async () => {
  const rig = await Rig.start({
    limits: { dialogs: never },
    answer: () => ({ _tag: "Answered", status: 404, reason: null, headers: [] }),
  });
  const socket = await RawSip.udp({ remote: rig.place("udp") });
  const first = Hostile.build(socket, options);
  socket.send(first.text);
  await socket.next("404", ({ status }) => status === 404);
  for (let n = 0; n < 2; n += 1) expect((await Hostile.ask(socket, options)).status).toBe(404);
  const excess = await Hostile.ask(socket, options);
  expect(excess.status).toBe(503);
  expect(Number(Sip.header(excess, "retry-after"))).toBeGreaterThan(0);
  const reason = "too many new dialogs of one source";
  expect(rig.counted(refused, { by: "edge", status: "503", reason })).toBe(1);
  // The first one again: its answer again, no new request.
  socket.send(first.text);
  const mine = (one: Sip.Message) => one.text.includes(first.callId);
  expect((await socket.next("404 again", mine)).status).toBe(404);
  const inside = { method: "BYE", headers: { "To": "<sip:x@one.test>;tag=none" } };
  expect((await Hostile.ask(socket, inside)).status).toBe(481);
  await socket.close();
});

test("with all transactions taken new requests get 503 with Retry-After", async () => {
  const rig = await Rig.start({ limits: { transactions: 2 } });
  const socket = await RawSip.udp({ remote: rig.place("udp") });
  // The core says nothing: these stay.
  for (let n = 0; n < 2; n += 1) socket.send(Hostile.build(socket, options).text);
  await until("two transactions", () => rig.edge.transactions() === 2, waitMs);
  const excess = await Hostile.ask(socket, options);
  expect(excess.status).toBe(503);
  expect(rig.counted(refused, { status: "503", reason: "too many transactions" })).toBe(1);
  // What needs no transaction is answered all the same.
  expect((await Hostile.ask(socket)).status).toBe(200);
  await socket.close();
});

test("a ping gets a pong (RFC 5626 section 3.5.1), a pong gets nothing", async () => {
  const rig = await Rig.start();
  const peer = await bare(rig);
  for (const text of ["\r\n", "\r\n\r\n", "\r\n", "\r\n\r\n"]) peer.send(text);
  // What was sent before it has been heard when this is answered.
  peer.send(Sip.format(`OPTIONS sip:127.0.0.1 SIP/2.0`, [
    ["Via", `SIP/2.0/UDP 127.0.0.1:${peer.port};branch=${Sip.branch()}`],
    ["From", "<sip:a@one.test>;tag=1"],
    ["To", "<sip:127.0.0.1>"],
    ["Call-ID", Sip.token()],
    ["CSeq", "1 OPTIONS"],
  ]));
  const answered = () => peer.received.some((text) => text.startsWith("SIP/2.0 200"));
  await until("an answer", answered, waitMs);
  expect(peer.received.filter((text) => text === "\r\n")).toHaveLength(2);
  expect(rig.counted("edge_messages_total", { kind: "ping" })).toBe(2);
  await peer.close();
});

test("a defect costs its message, is counted, and the door stays open", async () => {
  const rig = await Rig.start({
    shards: () => {
      throw new Error("defect of the test");
    },
  });
  const socket = await RawSip.udp({ remote: rig.place("udp") });
  for (let n = 0; n < 150; n += 1) socket.send(Hostile.build(socket, options).text);
  await rig.counts(dropped, { reason: "defect" }, 150);
  const answers = () => socket.received.filter(({ status }) => status === 500);
  await until("150 answers", () => answers().length === 150, waitMs);
  expect(rig.counted(refused, { status: "500", reason: "defect" })).toBe(150);
  expect((await Hostile.ask(socket)).status).toBe(200);
  await socket.close();
});

test("a datagram that is longer than allowed is counted", async () => {
  const rig = await Rig.start();
  const socket = await RawSip.udp({ remote: rig.place("udp") });
  // The longest that UDP can carry is no message yet that is too long.
  const { text } = Hostile.build(socket, { headers: { "X": "x".repeat(60_000) } });
  socket.send(text);
  await rig.counts("edge_messages_malformed_total", {}, 1);
  expect((await Hostile.ask(socket)).status).toBe(200);
  await socket.close();
});

const registration = (contact: string, port: number): string =>
  Sip.format(`REGISTER sip:${Rig.domain} SIP/2.0`, [
    ["Via", `SIP/2.0/UDP 127.0.0.1:${port};branch=${Sip.branch()}`],
    ["From", `<sip:1001@${Rig.domain}>;tag=1`],
    ["To", `<sip:1001@${Rig.domain}>`],
    ["Call-ID", Sip.token()],
    ["CSeq", "1 REGISTER"],
    ["Contact", `<${contact}>`],
  ]);

/** A registrar that takes all for this long. */
const registrar = (expiresIn: number): Rig.Options => ({
  limits: { keepAliveMs: 50 },
  answer: ({ command }) =>
    command._tag === "RegisterContacts"
      ? {
        _tag: "Registered",
        contacts: command.contacts.map(({ uri }) => ({ uri, expiresIn, q: null })),
        path: [],
      }
      : undefined,
});

test("a phone behind NAT hears line ends until its registration ends", async () => {
  const rig = await Rig.start(registrar(1));
  const [natted, open] = [await bare(rig), await bare(rig)];
  natted.send(registration("sip:1001@192.168.0.9:5060", natted.port));
  open.send(registration(`sip:1001@127.0.0.1:${open.port}`, open.port));
  const pings = () => natted.received.filter((text) => text === "\r\n\r\n").length;
  await until("three keep-alives", () => pings() >= 3, waitMs);
  const sent = () => rig.counted("edge_keepalives_sent_total");
  let last = -1;
  await until(
    "the end of the keep-alives",
    () => {
      const quiet = sent() === last;
      last = sent();
      return quiet;
    },
    waitMs,
    { pollMs: 300 },
  );
  expect(sent()).toBe(pings());
  // Who can be reached needs none.
  expect(open.received).toHaveLength(1);
  await Promise.all([natted.close(), open.close()]);
});

const challenge = {
  _tag: "Challenged",
  realm: Rig.domain,
  nonce: "nonce",
  algorithms: ["MD5"],
  stale: false,
} as const;

/** An INVITE that nobody has signed. */
const unsigned = (socket: RawSip.RawSip) => {
  const body = Sip.audio({ ip: "127.0.0.1", port: 40_000 });
  const headers = {
    "Contact": `<sip:1001@127.0.0.1:${socket.local.port}>`,
    "Content-Type": "application/sdp",
  };
  return Hostile.build(socket, { ...options, method: "INVITE", headers, body });
};

test("a challenge is sent once, and nothing is kept of its request", async () => {
  const rig = await Rig.start({ answer: () => challenge });
  const socket = await RawSip.udp({ remote: rig.place("udp") });
  for (const method of ["INVITE", "REGISTER"]) {
    const headers = { "Contact": "<sip:1001@127.0.0.1>" };
    const build = method === "INVITE"
      ? unsigned(socket)
      : Hostile.build(socket, { ...options, method, headers });
    socket.send(build.text);
    const refusal = await socket.next("401", ({ status }) => status === 401);
    expect(rig.edge.transactions()).toBe(0);
    if (method === "REGISTER") continue;
    const invite = Sip.parse(build.text, socket.local, 0);
    const branch = /branch=([^;\s]+)/.exec(Sip.header(invite, "via"))?.[1] ?? "";
    socket.send(acknowledge(invite, refusal, branch));
  }
  await Hostile.ask(socket);
  expect(rig.counted(dropped, { reason: "stray" })).toBe(0);
  await socket.close();
});

test("a challenge after a 100 is repeated: its peer has stopped asking", async () => {
  let asked = 0;
  const rig = await Rig.start({ answer: () => ++asked < 4 ? undefined : challenge });
  const socket = await RawSip.udp({ remote: rig.place("udp") });
  socket.send(unsigned(socket).text);
  await socket.next("100", ({ status }) => status === 100);
  await socket.next("401", ({ status }) => status === 401);
  await socket.next("401 again", ({ status }) => status === 401);
  await socket.close();
});
