import { expect, test } from "vitest";
import * as Identity from "../../src/edge/Identity.ts";
import type { Source } from "../../src/edge/Flows.ts";
import * as Registrations from "../../src/edge/Registrations.ts";
import * as Parser from "../../src/sip/Parser.ts";
import * as Messages from "./Messages.ts";

const from = (ip: string, transport: Source["transport"] = "udp"): Source => ({
  transport,
  connection: 0,
  remote: { ip, port: 40_000 },
});

test.for(
  [
    // contact, source, routed, natted
    ["sip:a@192.0.2.9:5060", "192.0.2.9", false, false],
    ["sip:a@192.0.2.9", "192.0.2.9", false, false],
    ["sip:a@10.0.0.9:5060", "192.0.2.9", false, true],
    ["sip:a@[2001:DB8::9]:5060", "2001:db8::9", false, false],
    ["sip:a@[2001:db8::9]", "2001:db8::8", false, true],
    // A proxy on the way knows where the phone is.
    ["sip:a@10.0.0.9:5060", "192.0.2.9", true, false],
    // A name may lead to wherever it came from.
    ["sip:a@phone.test", "192.0.2.9", false, false],
    ["sip:a@x.invalid", "192.0.2.9", true, true],
    ["sip:a@X.INVALID;transport=ws", "192.0.2.9", false, true],
    ["tel:+15551234", "192.0.2.9", false, false],
  ] as const,
)("%s from %s, routed %s: behind NAT %s", ([contact, ip, routed, natted]) => {
  expect(Identity.isNatted(contact, routed, from(ip))).toBe(natted);
});

test("whoever comes over a WebSocket is reached by it alone", () => {
  expect(Identity.isNatted("sip:a@192.0.2.9", false, from("192.0.2.9", "wss"))).toBe(true);
});

test("headers that are carried are those of the list, bounded in number and length", () => {
  const text = Messages.request("INVITE").text.replace(
    "Content-Length",
    [
      "Subject: hello",
      "X-Internal: no",
      `Priority: ${"p".repeat(2_000)}`,
      ...Array.from({ length: 40 }, (_, n) => `Call-Info: <sip:${n}@x>`),
      "Content-Length",
    ].join("\r\n"),
  );
  const parsed = Parser.parse(new TextEncoder().encode(text));
  if (parsed.kind !== "request") throw new Error(JSON.stringify(parsed));
  const carried = Identity.carriedHeaders(parsed);
  expect(carried).toHaveLength(16);
  expect(new Set(carried.map(([name]) => name)).has("X-Internal")).toBe(false);
  expect(carried.some(([name]) => name === "Priority")).toBe(false);
});

test("a name for people holds no controls and is no longer than a display", () => {
  const display = `A\u0007da${"x".repeat(500)}`;
  const { display: shown } = Identity.identityOf(
    {
      display,
      uri: "sip:1001@one.test",
      tag: undefined,
      params: "",
    } as unknown as Parameters<typeof Identity.identityOf>[0],
  );
  expect(shown).toHaveLength(128);
  expect(shown.startsWith("Adax")).toBe(true);
});

/** RFC 3261 section 19.1.4. */
const same = [
  ["sip:%61lice@atlanta.test;transport=TCP", "sip:alice@AtlanTa.Test;transport=tcp"],
  ["sip:a@x.test;b=1;a=2", "sip:a@x.test;A=2;B=1"],
  ["sip:a@x.test?Subject=1", "sip:a@x.test"],
] as const;
const different = [
  ["sip:ALICE@atlanta.test", "sip:alice@atlanta.test"],
  ["sip:bob@x.test", "sip:bob@x.test:5060"],
  ["sip:bob@x.test", "sip:bob@x.test;transport=udp"],
  ["sip:bob@x.test:6000", "sip:bob@x.test"],
] as const;

test.for(same)("%s and %s are one contact", ([one, other]) => {
  expect(Registrations.keyOf(one)).toBe(Registrations.keyOf(other));
});

test.for(different)("%s and %s are two contacts", ([one, other]) => {
  expect(Registrations.keyOf(one)).not.toBe(Registrations.keyOf(other));
});
