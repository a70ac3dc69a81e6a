import fc from "fast-check";
import { expect, test } from "vitest";
import type { EdgeEffect } from "../../schemas/Effect.ts";
import type { Context } from "../../src/edge/Context.ts";
import * as Outgoing from "../../src/edge/Outgoing.ts";
import * as Printer from "../../src/sip/Printer.ts";

const context = {
  places: {
    udp: { host: "192.0.2.1", port: 5_060 },
    tcp: { host: "192.0.2.1", port: 5_060 },
    wss: { host: "192.0.2.1", port: 5_443 },
  },
} as unknown as Context;

type Request = Extract<EdgeEffect, { _tag: "SendRequest" }>;

const word = (max: number) => fc.stringMatching(/^[a-z0-9]{1,20}$/).map((one) => one.slice(0, max));

const requests = fc.record({
  method: fc.constantFrom("INVITE" as const, "BYE" as const),
  user: word(20),
  routes: fc.array(word(20), { maxLength: 4 }),
  headers: fc.array(fc.tuple(fc.constantFrom("Subject", "Alert-Info"), word(20)), { maxLength: 4 }),
  sdp: fc.option(word(20).map((text) => `v=0\r\ns=${text}\r\n`)),
  cseq: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
}).map(({ cseq, headers, method, routes, sdp, user }): Request => ({
  _tag: "SendRequest",
  leg: 1,
  target: `sip:${user}@192.0.2.9:5070;transport=udp`,
  routeSet: routes.map((host) => `sip:${host}.test;lr`),
  from: `<sip:${user}@one.test>;tag=${"t".repeat(40)}`,
  to: "<sip:b@one.test>",
  callId: "c".repeat(40),
  cseq,
  branch: `z9hG4bK${"b".repeat(44)}`,
  hop: { flow: null, flowOnly: false },
  method,
  maxForwards: 69,
  contactUser: user,
  headers,
  sdp,
}));

test("the size that decides about TCP is that of the message, or a little more", () => {
  fc.assert(fc.property(requests, (effect) => {
    const printed = Printer.request(Outgoing.request(context, effect, "udp")).length;
    const said = Outgoing.octetsOf(effect);
    expect(said).toBeGreaterThanOrEqual(printed);
    expect(said - printed).toBeLessThan(300);
  }));
});

test("headers of a registered contact do not get into a request (RFC 3261 19.1.5)", () => {
  const [effect] = fc.sample(requests, 1);
  const target = "sip:a@192.0.2.9;transport=udp?Route=%3Csip:evil%3E&X-Internal=1";
  const text = Printer.request(Outgoing.request(context, { ...effect!, target }, "udp"));
  expect(text).not.toMatch(/evil|X-Internal/);
});

test.for(
  [
    ["udp", "SIP/2.0/UDP 192.0.2.1:5060", "@192.0.2.1:5060>"],
    ["tcp", "SIP/2.0/TCP 192.0.2.1:5060", "@192.0.2.1:5060;transport=tcp>"],
    ["wss", "SIP/2.0/WSS 192.0.2.1:5443", "@192.0.2.1:5443;transport=ws>"],
  ] as const,
)("over %s it names that listener", ([transport, via, contact]) => {
  const [any] = fc.sample(requests, 1);
  const effect: Request = { ...any!, method: "INVITE" };
  const text = Printer.request(Outgoing.request(context, effect, transport));
  expect(text).toContain(`Via: ${via};branch=${effect.branch};rport\r\n`);
  expect(text).toContain(`Contact: <sip:${effect.contactUser}${contact}\r\n`);
});
