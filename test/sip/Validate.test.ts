import { describe, expect, test } from "vitest";
import * as Header from "../../src/sip/Header.ts";
import * as MaxForwards from "../../src/sip/MaxForwards.ts";
import * as Validate from "../../src/sip/Validate.ts";
import { invite, ok, request, response } from "./samples.ts";

const verdict = (text: string, capabilities?: Validate.Capabilities) =>
  Validate.request(request(text), capabilities);

test("a good request passes", () => {
  expect(verdict(invite())).toBeUndefined();
  expect(verdict(invite({ "Content-Type": "Application/SDP; charset=utf-8" }, [], "v=0")))
    .toBeUndefined();
  expect(verdict(invite({ Accept: "text/plain, application/*;q=0.5" }))).toBeUndefined();
  expect(verdict(invite({ CSeq: "7 REGISTER", Contact: "*" }))).toBeUndefined();
  expect(verdict(invite({ CSeq: "7 BYE", Contact: undefined }))).toBeUndefined();
});

describe("refused", () => {
  const single = [
    "To: <sip:x@y>",
    "t: <sip:x@y>",
    "From: <sip:x@y>;tag=2",
    "Call-ID: c2",
    "CSeq: 8 INVITE",
    "Max-Forwards: 3",
  ];
  for (const line of single) {
    test(`a second ${line}`, () => {
      expect(verdict(invite({}, [line]))).toMatchObject({
        status: 400,
        reason: expect.stringMatching(/^more than one/),
      });
    });
  }
  const twice = ["Expires: 1", "Content-Type: a/b", "c: a/b", "Event: x", "RSeq: 1", "Date: now"];
  for (const line of twice) {
    test(`twice ${line}`, () => {
      expect(verdict(invite({}, [line, line]))).toMatchObject({ status: 400 });
      expect(verdict(invite({}, [line]))).toBeUndefined();
    });
  }
  const cases: ReadonlyArray<readonly [string, string, number]> = [
    ["an unknown method", invite({ CSeq: "7 FETCH" }), 501],
    ["a method in lower case", invite({ CSeq: "7 invite" }), 501],
    ["CSeq of another method", invite().replace("7 INVITE", "7 BYE"), 400],
    ["an unknown scheme", invite().replace("sip:bob", "http:bob"), 416],
    ["a malformed Request-URI", invite().replace("sip:bob@", "sip:bob@@"), 400],
    ["headers in the Request-URI", invite().replace("net SIP", "net?a=b SIP"), 400],
    ["a malformed From URI", invite({ From: "<sip:@>;tag=1" }), 400],
    ["a malformed To URI", invite({ To: "<sip:a@b:x>" }), 400],
    ["no From tag", invite({ From: "<sip:a@b>" }), 400],
    ["no Contact", invite({ Contact: undefined }), 400],
    ["two Contacts", invite({ Contact: "<sip:a@b>, <sip:c@d>" }), 400],
    ["two Contact headers", invite({}, ["m: <sip:c@d>"]), 400],
    ["Contact *", invite({ Contact: "*" }), 400],
    ["* among Contacts", invite({ CSeq: "7 REGISTER", Contact: "*, <sip:a@b>" }), 400],
    ["a malformed Contact URI", invite({ Contact: "<sip:a b>" }), 400],
    ["a Contact URI of 513 octets", invite({ Contact: `<sip:${"a".repeat(507)}@b>` }), 400],
    ["a quote that never closes", invite({ Contact: '"<sip:a@b>' }), 400],
    ["a malformed Route", invite({ Route: "sip:a;lr" }), 400],
    ["a malformed Record-Route", invite({ "Record-Route": "<sip:a;lr" }), 400],
    ["a malformed Require", invite({ Require: "a b" }), 400],
    ["a body without a type", invite({}, [], "v=0"), 400],
  ];
  for (const [what, text, status] of cases) {
    test(what, () => expect(verdict(text)).toMatchObject({ status }));
  }
});

describe("the answer says what would do", () => {
  test("501 has Allow, 420 Unsupported, 415 Accept and Accept-Encoding", () => {
    expect(verdict(invite({ CSeq: "7 FETCH" }))?.fields[0]?.[0]).toBe("Allow");
    expect(verdict(invite({ Require: "100REL, magic" }))).toMatchObject({
      status: 420,
      fields: [["Unsupported", "magic"]],
    });
    expect(verdict(invite({ "Content-Type": "a/b" }, [], "x"))).toMatchObject({
      status: 415,
      fields: [["Accept", "application/sdp"]],
    });
    const packed = { "Content-Type": "application/sdp", "Content-Encoding": "gzip" };
    expect(verdict(invite(packed, [], "x"))).toMatchObject({
      status: 415,
      fields: [["Accept-Encoding", "identity"]],
    });
    expect(verdict(invite({ Accept: "" }))).toMatchObject({ status: 406 });
  });
  test("capabilities are the caller's", () => {
    const none = { ...Validate.defaults, methods: new Set(["OPTIONS"]), allowed: ["OPTIONS"] };
    expect(verdict(invite(), none)).toMatchObject({ status: 501, fields: [["Allow", "OPTIONS"]] });
  });
  test("an ACK and a CANCEL are not asked what they require", () => {
    const changes = { Require: "magic", Contact: undefined };
    expect(verdict(invite({ ...changes, CSeq: "7 ACK" }))).toBeUndefined();
    expect(verdict(invite({ ...changes, CSeq: "7 CANCEL" }))).toBeUndefined();
    expect(verdict(invite({ ...changes, CSeq: "7 BYE" }))).toMatchObject({ status: 420 });
  });
});

test("an RFC 2543 peer needs neither tag nor Contact", () => {
  const old = { Via: "SIP/2.0/UDP a", From: "<sip:a@b>", Contact: undefined };
  expect(verdict(invite(old))).toBeUndefined();
  expect(verdict(invite({ ...old, Contact: "<sip:a>, <sip:b>" }))).toMatchObject({ status: 400 });
});

test("a response with two Via, or one header too many, is discarded", () => {
  expect(Validate.response(response(ok()))).toBeUndefined();
  expect(Validate.response(response(ok({ v: "SIP/2.0/UDP b" })))).toMatch(/Via/);
  const list = "SIP/2.0/UDP a;branch=b, SIP/2.0/UDP c";
  expect(Validate.response(response(ok({ Via: list })))).toMatch(/Via/);
  expect(Validate.response(response(ok({ i: "c2" })))).toMatch(/Call-ID/);
});

test("Max-Forwards: copied and decremented, 483 at none (RFC 7332)", () => {
  expect(MaxForwards.next(undefined)).toBe(70);
  expect(MaxForwards.next(70)).toBe(69);
  expect(MaxForwards.next(1)).toBe(0);
  expect(MaxForwards.next(0)).toBeUndefined();
});

describe("headers read on demand", () => {
  const read = (name: string, value: string) => request(invite({ [name]: value }));
  test("seconds saturate, and no number is none", () => {
    expect(Header.delta(read("Expires", "3600"), "expires")).toBe(3_600);
    expect(Header.delta(read("Expires", "9".repeat(100)), "expires")).toBe(4_294_967_295);
    expect(Header.delta(read("Expires", "-1"), "expires")).toBeUndefined();
    expect(Header.delta(read("Expires", "soon"), "expires")).toBeUndefined();
    expect(Header.delta(read("Retry-After", "5 (busy);duration=9"), "retry-after")).toBe(5);
    expect(Header.delta(read("Session-Expires", "1800;refresher=uac"), "session-expires")).toBe(
      1_800,
    );
    expect(Header.delta(request(invite()), "expires")).toBeUndefined();
  });
  test("q and expires of a Contact", () => {
    const q = (text: string) => Header.q({ display: "", uri: "", tag: undefined, params: text });
    expect([q(""), q(";q=1"), q(";q=0.75"), q(";Q=0.1;x"), q(";q=.5"), q(";q=2")]).toEqual([
      1_000,
      1_000,
      750,
      100,
      undefined,
      undefined,
    ]);
    const contact = Header.contact(read("Contact", "<sip:a@b;expires=1>;expires=60"))!;
    expect(Header.contactExpires(contact)).toBe(60);
  });
  test("routes need their brackets", () => {
    expect(Header.routes(read("Route", "<sip:a;lr>, <sip:b;lr>"), "route")?.map(({ uri }) => uri))
      .toEqual(["sip:a;lr", "sip:b;lr"]);
    expect(Header.routes(read("Route", "sip:a;lr"), "route")).toBeUndefined();
    expect(Header.routes(request(invite()), "path")).toEqual([]);
  });
  test("option tags", () => {
    const message = read("Supported", "100REL, , timer");
    expect(Header.tokens(message, "supported")).toEqual(["100REL", "timer"]);
    expect(Header.includes(message, "supported", "100rel")).toBe(true);
    expect(Header.includes(message, "require", "100rel")).toBe(false);
  });
  test("RAck", () => {
    expect(Header.rack(read("RAck", "776656 1 INVITE"))).toEqual({
      rseq: 776_656,
      cseq: 1,
      method: "INVITE",
    });
    expect(Header.rack(read("RAck", "1 INVITE"))).toBeUndefined();
    expect(Header.rack(read("RAck", "1 2147483648 INVITE"))).toBeUndefined();
  });
});
