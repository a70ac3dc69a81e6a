import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Message from "../../src/sip/Message.ts";
import * as ResponseRoute from "../../src/sip/ResponseRoute.ts";
import * as Via from "../../src/sip/Via.ts";
import { invite, request } from "./samples.ts";

const via = (text: string): Via.Via => Via.parse(text)!;
const stamp = (text: string, ip: string, port: number, always?: boolean): string =>
  ResponseRoute.stampVia(via(text), { ip, port }, always);

describe("stamping the topmost Via (sections 18.2.1, RFC 3581 section 4)", () => {
  const cases: ReadonlyArray<readonly [string, string, string, string, boolean?]> = [
    [
      "same address",
      "SIP/2.0/UDP 192.0.2.1;branch=b",
      "192.0.2.1",
      "SIP/2.0/UDP 192.0.2.1;branch=b",
    ],
    [
      "other address",
      "SIP/2.0/UDP 10.0.0.1",
      "192.0.2.1",
      "SIP/2.0/UDP 10.0.0.1;received=192.0.2.1",
    ],
    ["a name", "SIP/2.0/TCP h.example", "192.0.2.1", "SIP/2.0/TCP h.example;received=192.0.2.1"],
    [
      "rport, same address too",
      "SIP/2.0/UDP 192.0.2.1;rport;branch=b",
      "192.0.2.1",
      "SIP/2.0/UDP 192.0.2.1;rport=4000;branch=b;received=192.0.2.1",
    ],
    [
      "what the sender claims",
      "SIP/2.0/UDP a;received=6.6.6.6;rport=66;x=y",
      "192.0.2.1",
      "SIP/2.0/UDP a;rport=4000;x=y;received=192.0.2.1",
    ],
    [
      "always",
      "SIP/2.0/UDP 192.0.2.1;branch=b",
      "192.0.2.1",
      "SIP/2.0/UDP 192.0.2.1;branch=b;rport=4000;received=192.0.2.1",
      true,
    ],
    ["IPv6", "SIP/2.0/UDP [2001:DB8::1];a", "2001:db8::1", "SIP/2.0/UDP [2001:DB8::1];a"],
  ];
  for (const [what, text, ip, expected, always] of cases) {
    test(what, () => expect(stamp(text, ip, 4_000, always)).toBe(expected));
  }
  test("the rest of the list and the other Vias stay as they were", () => {
    const message = request(
      invite({ Via: "SIP/2.0/UDP a;rport ,  SIP/2.0/TCP b" }, ["v: SIP/2.0/UDP c"]),
    );
    const parts = ResponseRoute.stamp(Message.replyParts(message), { ip: "192.0.2.9", port: 9 });
    expect(parts.vias).toEqual([
      "SIP/2.0/UDP a;rport=9;received=192.0.2.9 ,  SIP/2.0/TCP b",
      "SIP/2.0/UDP c",
    ]);
    expect(parts.via).toMatchObject({ received: "192.0.2.9", rport: 9 });
  });
  test("stamping twice is stamping once", () => {
    const parameter = fc.constantFrom(";rport", ";rport=5", ";received=1.1.1.1", ";branch=b", ";x");
    fc.assert(fc.property(fc.uniqueArray(parameter), fc.boolean(), (parameters, always) => {
      const parsed = Via.parse("SIP/2.0/UDP a:5070" + parameters.join(""));
      if (parsed === undefined) return;
      const once = ResponseRoute.stampVia(parsed, { ip: "192.0.2.1", port: 7 }, always);
      expect(stamp(once, "192.0.2.1", 7, always)).toBe(once);
    }));
  });
});

describe("where a response goes (section 18.2.2)", () => {
  const cases: ReadonlyArray<readonly [string, string, number]> = [
    ["SIP/2.0/UDP 192.0.2.1:5070;branch=b", "192.0.2.1", 5_070],
    ["SIP/2.0/UDP h.example", "h.example", 5_060],
    ["SIP/2.0/TLS h.example", "h.example", 5_061],
    ["SIP/2.0/UDP a:5070;received=192.0.2.1", "192.0.2.1", 5_070],
    ["SIP/2.0/UDP a:5070;received=192.0.2.1;rport=4000", "192.0.2.1", 4_000],
    ["SIP/2.0/TCP a:5070;received=192.0.2.1;rport=4000", "192.0.2.1", 5_070],
    ["SIP/2.0/UDP [::1]:5070;received=[2001:db8::9]", "2001:db8::9", 5_070],
    ["SIP/2.0/UDP 192.0.2.1;maddr=192.0.2.66", "192.0.2.1", 5_060],
  ];
  for (const [text, host, port] of cases) {
    test(text, () => expect(ResponseRoute.destination(via(text))).toEqual({ host, port }));
  }
});
