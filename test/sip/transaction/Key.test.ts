import { describe, expect, test } from "vitest";
import * as Printer from "../../../src/sip/Printer.ts";
import * as Derive from "../../../src/sip/transaction/Derive.ts";
import * as Key from "../../../src/sip/transaction/Key.ts";
import { invite, ok, request, response } from "../samples.ts";

const server = (changes: Readonly<Record<string, string>> = {}): string =>
  Key.server(request(invite(changes)));

describe("with the magic cookie: branch, sent-by and method (section 17.2.3)", () => {
  test("a repeated request is the same transaction, whatever else changed", () => {
    expect(server({ "Max-Forwards": "69", To: "<sip:x@y>", "Call-ID": "c2" })).toBe(server());
    expect(server({ Via: "SIP/2.0/UDP 192.0.2.1:5062;x=y;branch=z9hG4bKabc" })).toBe(server());
  });
  test("another branch, host, port or method is another one", () => {
    const others = [
      { Via: "SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKabd" },
      { Via: "SIP/2.0/UDP 192.0.2.2:5062;branch=z9hG4bKabc" },
      { Via: "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKabc" },
      { CSeq: "7 CANCEL" },
      { CSeq: "7 BYE" },
    ];
    expect(new Set([server(), ...others.map(server)]).size).toBe(6);
  });
  test("an ACK to a non-2xx is its INVITE's; one with a branch of its own is not", () => {
    expect(server({ CSeq: "7 ACK" })).toBe(server());
    expect(server({ CSeq: "7 ACK", Via: "SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKnew" })).not.toBe(
      server(),
    );
    expect(Key.untagged(request(invite({ CSeq: "7 ACK" })))).toBeUndefined();
  });
  test("a CANCEL names the INVITE that it cancels", () => {
    expect(Key.cancelled(request(invite({ CSeq: "7 CANCEL" })))).toBe(server());
  });
});

describe("without it: RFC 2543 matching", () => {
  const old = { Via: "SIP/2.0/UDP 192.0.2.1" };
  test("the same parts are the same transaction", () => {
    expect(server({ ...old, "Max-Forwards": "2" })).toBe(server(old));
  });
  test("each of them makes another one", () => {
    const texts = [
      invite(old),
      invite(old).replace("sip:bob@example.net SIP", "sip:rob@example.net SIP"),
      invite({ ...old, To: "<sip:bob@example.net>;tag=x" }),
      invite({ ...old, From: "<sip:ann@example.com>;tag=f2" }),
      invite({ ...old, "Call-ID": "c2" }),
      invite({ ...old, CSeq: "8 INVITE" }),
      invite({ ...old, CSeq: "7 BYE" }),
      invite({ Via: "SIP/2.0/UDP 192.0.2.1;x" }),
    ];
    expect(new Set(texts.map((text) => Key.server(request(text)))).size).toBe(texts.length);
  });
  test("T22: the bare cookie never merges two transactions", () => {
    const bare = { Via: "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK" };
    expect(server({ ...bare, "Call-ID": "c2" })).not.toBe(server(bare));
  });
  test("an ACK has the To tag of our response, which the INVITE had not", () => {
    const ack = request(invite({ ...old, CSeq: "7 ACK", To: "<sip:bob@example.net>;tag=ours" }));
    expect(Key.server(ack)).not.toBe(server(old));
    expect(Key.untagged(ack)).toBe(server(old));
  });
  test("a CANCEL names its INVITE", () => {
    expect(Key.cancelled(request(invite({ ...old, CSeq: "7 CANCEL" })))).toBe(server(old));
  });
  test("no old key is ever a new one", () => {
    const forged = { Via: "SIP/2.0/UDP 192.0.2.1:5062;branch=2543" };
    expect(server(forged)).not.toBe(server());
  });
});

test("a response belongs to branch and CSeq method (section 17.1.3)", () => {
  expect(Key.answered(response(ok()))).toBe(Key.client("z9hG4bKabc", "INVITE"));
  expect(Key.answered(response(ok({ CSeq: "7 CANCEL" })))).toBe(Key.client("z9hG4bKabc", "CANCEL"));
  expect(Key.answered(response(ok({ Via: "SIP/2.0/UDP a" })))).toBeUndefined();
});

describe("requests that follow an INVITE", () => {
  const sent: Printer.RequestParts = {
    method: "INVITE",
    uri: "sip:bob@192.0.2.7",
    fields: [
      ["Via", "SIP/2.0/UDP edge;branch=z9hG4bKours"],
      ["Via", "SIP/2.0/UDP other;branch=z9hG4bKother"],
      ["Max-Forwards", "12"],
      ["From", "<sip:ann@example.com>;tag=f"],
      ["To", "<sip:bob@example.net>"],
      ["Call-ID", "c"],
      ["CSeq", "20 INVITE"],
      ["Route", "<sip:p1;lr>"],
      ["Route", "<sip:p2;lr>"],
      ["Contact", "<sip:edge>"],
      ["Content-Type", "application/sdp"],
    ],
    body: "v=0\r\n",
  };
  const common = (method: string, to: string) => ({
    method,
    uri: "sip:bob@192.0.2.7",
    fields: [
      ["Via", "SIP/2.0/UDP edge;branch=z9hG4bKours"],
      ["From", "<sip:ann@example.com>;tag=f"],
      ["To", to],
      ["Call-ID", "c"],
      ["CSeq", `20 ${method}`],
      ["Max-Forwards", "70"],
      ["Route", "<sip:p1;lr>"],
      ["Route", "<sip:p2;lr>"],
    ],
  });
  test("the ACK to a non-2xx has the To of the response (section 17.1.1.3)", () => {
    const to = "<sip:bob@example.net>;tag=t";
    expect(Derive.ack(sent, to)).toEqual(common("ACK", to));
  });
  test("the CANCEL has the To of the INVITE (section 9.1)", () => {
    expect(Derive.cancel(sent)).toEqual(common("CANCEL", "<sip:bob@example.net>"));
    expect(Printer.request(Derive.cancel(sent))).toMatch(/^CANCEL sip:bob@192.0.2.7 SIP\/2.0\r\n/);
  });
});
