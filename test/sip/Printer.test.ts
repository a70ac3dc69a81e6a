import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Message from "../../src/sip/Message.ts";
import * as Printer from "../../src/sip/Printer.ts";
import * as Reply from "../../src/sip/Reply.ts";
import * as Status from "../../src/sip/Status.ts";
import * as Text from "../../src/kernel/Text.ts";
import { invite, parse, request } from "./samples.ts";

const fields: ReadonlyArray<Printer.HeaderField> = [
  ["Via", "SIP/2.0/UDP a;branch=z9hG4bKb"],
  ["From", "<sip:a@b>;tag=1"],
  ["To", "<sip:c@d>"],
  ["Call-ID", "x"],
  ["CSeq", "1 INVITE"],
];

test("a request: fields in order, Content-Length computed", () => {
  const parts = { method: "INVITE", uri: "sip:c@d", body: "v=0\r\n" };
  expect(Printer.request({ ...parts, fields: [...fields, ["content-length", "99"], ["l", "7"]] }))
    .toBe([
      "INVITE sip:c@d SIP/2.0",
      ...fields.map(([name, value]) => `${name}: ${value}`),
      "Content-Length: 5",
      "",
      "v=0\r\n",
    ].join("\r\n"));
});

test("a response gets the usual reason", () => {
  expect(Printer.response({ status: 486, fields: [] })).toBe(
    "SIP/2.0 486 Busy Here\r\nContent-Length: 0\r\n\r\n",
  );
  expect(Printer.response({ status: 200, reason: "Fine", fields: [] })).toMatch(/^SIP\/2.0 200 F/);
  expect([Status.phrase(499), Status.phrase(699), Status.phrase(900)]).toEqual([
    "Request Failure",
    "Global Failure",
    "Unknown",
  ]);
});

describe("T14: nothing that is printed can start a line of its own", () => {
  const evil = [
    "\r\nX-Internal: 1",
    "\nX-Internal: 1",
    "\r\n\r\nINVITE",
    "\r",
    "a\0b",
    "\u010a\u010dX: 1",
  ];
  for (const value of evil) {
    test(`T14: ${JSON.stringify(value)} in a value, a reason, a Request-URI`, () => {
      const message = request(Printer.request({
        method: "INVITE",
        uri: `sip:c${value}@d`,
        fields: [...fields, ["Subject", value]],
      }));
      expect(Message.fields(message)).toHaveLength(7);
      expect(Message.first(message, "subject")).not.toMatch(/[\0\r\n]/);
      expect(message.uri).not.toMatch(/[\0\r\n ]/);
      const response = Printer.response({ status: 200, reason: value, fields });
      expect(Text.fromBytes(Text.toBytes(response)).split("\r\n")).toHaveLength(9);
    });
  }
  test("T14: a fold stays a fold", () => {
    const printed = Printer.request({
      method: "INVITE",
      uri: "sip:c@d",
      fields: [...fields, ["Subject", "a\r\n b\r\n \r\n c\r\n"]],
    });
    expect(Message.fields(request(printed)).at(-2)).toMatchObject({ rawValue: "a\r\n b   \r\n c" });
  });
  test("T14: names and methods that are no tokens are defects of the caller", () => {
    expect(() => Printer.request({ method: "A B", uri: "sip:a", fields })).toThrow(RangeError);
    expect(() => Printer.response({ status: 200, fields: [["A\r\nB", "c"]] })).toThrow(RangeError);
    expect(() => Printer.response({ status: 1000, fields })).toThrow(RangeError);
  });
  test("T14: whatever the values are, the message has its headers and no others", () => {
    const text = fc.string({
      unit: fc.constantFrom(..."\r\n\0 \t:aé\u010a\u{1f600}"),
      maxLength: 12,
    });
    fc.assert(fc.property(text, text, text, (a, b, body) => {
      const message = parse(Printer.request({
        method: "INVITE",
        uri: `sip:${a}x@d`,
        fields: [...fields, ["Subject", a], ["X-B", b]],
        body,
      }));
      expect(message.kind).toBe("request");
      if (message.kind !== "request") return;
      expect(Message.fields(message).map(({ name }) => name)).toEqual([
        "via",
        "from",
        "to",
        "call-id",
        "cseq",
        "subject",
        "x-b",
        "content-length",
      ]);
    }));
  });
});

test("text above U+00FF leaves as UTF-8, and counts in octets", () => {
  const printed = Printer.request({ method: "MESSAGE", uri: "sip:c@d", fields, body: "→" });
  expect(printed).toContain("Content-Length: 3\r\n\r\n\xe2\x86\x92");
});

describe("replies (section 8.2.6.2)", () => {
  const message = request(
    invite({ Timestamp: "54" }, ["v: SIP/2.0/TCP b,\r\n SIP/2.0/UDP c;branch=d"]),
  );
  test("repeat every Via, From, To with a tag, Call-ID and CSeq", () => {
    expect(Reply.print(Message.replyParts(message), { status: 180, toTag: "t" })).toBe([
      "SIP/2.0 180 Ringing",
      "Via: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKabc;rport",
      "Via: SIP/2.0/TCP b, SIP/2.0/UDP c;branch=d",
      'From: "Ann" <sip:ann@example.com>;tag=f1',
      "To: <sip:bob@example.net>;tag=t",
      "Call-ID: c1@192.0.2.1",
      "CSeq: 7 INVITE",
      "Content-Length: 0",
      "",
      "",
    ].join("\r\n"));
  });
  test("a 100 has no tag and the Timestamp", () => {
    const trying = Reply.print(Message.replyParts(message), { status: 100, toTag: "t" });
    expect(trying).toContain("To: <sip:bob@example.net>\r\n");
    expect(trying).toContain("Timestamp: 54\r\n");
  });
  test("a tag that is there stays", () => {
    expect(Reply.withTag("<sip:a@b>;TAG=x", "t")).toBe("<sip:a@b>;TAG=x");
    expect(Reply.withTag('"broken <sip:a@b>', "t")).toBe('"broken <sip:a@b>');
    expect(Reply.withTag("sip:a@b", "t")).toBe("sip:a@b;tag=t");
  });
});
