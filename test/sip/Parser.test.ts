import { describe, expect, test } from "vitest";
import * as Header from "../../src/sip/Header.ts";
import * as HeaderName from "../../src/sip/HeaderName.ts";
import * as Limits from "../../src/sip/Limits.ts";
import * as Message from "../../src/sip/Message.ts";
import * as Parser from "../../src/sip/Parser.ts";
import * as Text from "../../src/kernel/Text.ts";
import * as Validate from "../../src/sip/Validate.ts";
import * as Via from "../../src/sip/Via.ts";
import { invite, ok, parse, refused, request, response } from "./samples.ts";

test("a request is read into what a dialog needs", () => {
  const message = request(
    invite({ "Content-Type": "application/sdp", "Content-Length": "5" }, [], "v=0\r\n"),
  );
  expect(message).toMatchObject({
    kind: "request",
    method: "INVITE",
    uri: "sip:bob@example.net",
    via: {
      protocol: "SIP/2.0",
      transport: "UDP",
      host: "192.0.2.1",
      port: 5062,
      branch: "z9hG4bKabc",
      rport: 0,
      received: undefined,
      params: ";branch=z9hG4bKabc;rport",
    },
    from: { display: "Ann", uri: "sip:ann@example.com", tag: "f1", params: ";tag=f1" },
    to: { display: "", uri: "sip:bob@example.net", tag: undefined, params: "" },
    callId: "c1@192.0.2.1",
    cseq: 7,
    cseqMethod: "INVITE",
    maxForwards: 70,
    contentLength: 5,
    contentType: "application/sdp",
    body: "v=0\r\n",
  });
});

test("a response is read with its status and reason", () => {
  expect(response(ok())).toMatchObject({ status: 200, reason: "OK", to: { tag: "t1" } });
  expect(response(ok().replace("200 OK", "180 "))).toMatchObject({ status: 180, reason: "" });
  expect(response(ok().replace("200 OK", "180"))).toMatchObject({ status: 180, reason: "" });
});

test("line ends alone are keep-alives (RFC 5626 section 3.5.1)", () => {
  expect(parse("\r\n\r\n")).toEqual({ kind: "keepAlive", ping: true });
  expect(parse("\r\n")).toEqual({ kind: "keepAlive", ping: false });
});

test("line ends before a message are ignored (section 7.5)", () => {
  expect(request("\r\n\r\n" + invite()).method).toBe("INVITE");
});

test("octets beyond Content-Length are no part of the message (section 18.3)", () => {
  expect(request(invite({ "Content-Length": "3" }, [], "abcINVITE sip:x SIP/2.0")).body).toBe(
    "abc",
  );
});

test("without Content-Length the body is the rest of the datagram", () => {
  expect(request(invite({}, [], "abc")).body).toBe("abc");
});

test("unknown headers keep their octets, folds included", () => {
  const raw = 'A \tb\r\n  "c"\xff\r\n\td';
  const fields = Message.fields(request(invite({}, [`X-Odd: ${raw}  `])));
  expect(fields.at(-1)).toEqual({
    name: "x-odd",
    rawName: "X-Odd",
    rawValue: raw,
    value: 'A \tb "c"\xff d',
  });
});

describe("refused with the cause", () => {
  const cases: ReadonlyArray<readonly [what: string, text: string, status: number, cause: RegExp]> =
    [
      ["empty", "", 400, /start line/],
      ["octets of something else", "\x16\x03\x01\x02\x00", 400, /start line/],
      ["no version", "INVITE sip:a@b\r\n\r\n", 400, /Request-URI/],
      ["other version", invite().replace("SIP/2.0", "SIP/3.0"), 505, /version/],
      ["two spaces", invite().replace(" sip:", "  sip:"), 400, /single spaces/],
      ["tab in the start line", invite().replace(" sip:", "\tsip:"), 400, /start line/],
      ["URI that is not ASCII", invite().replace("sip:bob", "sip:b\xf6b"), 400, /Request-URI/],
      ["line ends of LF", invite().replaceAll("\r\n", "\n"), 400, /start line/],
      ["one LF among CRLF", invite({}, ["A: b\nC: d"]), 400, /bare line end/],
      ["a CR alone", invite({}, ["A: b\rC: d"]), 400, /bare line end/],
      ["NUL in a value", invite({}, ["A: b\0"]), 400, /control character/],
      ["no colon", invite({}, ["Nothing here"]), 400, /header name/],
      ["no name", invite({}, [": value"]), 400, /without a name/],
      ["fold before any header", invite().replace("\r\nVia", "\r\n Via"), 400, /without a name/],
      ["blank continuation", invite({}, ["A: b\r\n  \r\n c"]), 400, /continuation/],
      ["no empty line", invite().slice(0, -2), 400, /empty line/],
      ["cut in a header", invite().slice(0, 60), 400, /empty line/],
      ["no Via", invite({ Via: undefined }), 400, /no Via/],
      ["no From", invite({ From: undefined }), 400, /no From/],
      ["no To", invite({ To: undefined }), 400, /no To/],
      ["no Call-ID", invite({ "Call-ID": undefined }), 400, /no Call-ID/],
      ["no CSeq", invite({ CSeq: undefined }), 400, /no CSeq/],
      ["empty Call-ID", invite({ "Call-ID": "" }), 400, /Call-ID/],
      ["Call-ID with a space", invite({ "Call-ID": "a b" }), 400, /Call-ID/],
      ["Via of another grammar", invite({ Via: "SIP/2.0/UDP" }), 400, /Via/],
      ["two branches", invite({ Via: "SIP/2.0/UDP a;branch=x;branch=y" }), 400, /Via/],
      ["Via port 0", invite({ Via: "SIP/2.0/UDP a:0;branch=x" }), 400, /Via/],
      ["Via port 65536", invite({ Via: "SIP/2.0/UDP a:65536;branch=x" }), 400, /Via/],
      ["two tags", invite({ From: "<sip:a@b>;tag=1;tag=2" }), 400, /From/],
      ["display name with a comma", invite({ From: "A, B <sip:a@b>;tag=1" }), 400, /From/],
      ["address that never closes", invite({ To: "<sip:a@b" }), 400, /To/],
      ["Max-Forwards 256", invite({ "Max-Forwards": "256" }), 400, /Max-Forwards/],
      ["Max-Forwards -1", invite({ "Max-Forwards": "-1" }), 400, /Max-Forwards/],
      ["Content-Length -1", invite({ "Content-Length": "-1" }), 400, /Content-Length/],
      ["Content-Length +1", invite({ "Content-Length": "+1" }, [], "a"), 400, /Content-Length/],
      ["Content-Length 1,1", invite({ "Content-Length": "1,1" }, [], "a"), 400, /Content-Length/],
      ["status code 99", ok().replace("200", "099"), 400, /status line/],
      ["status code 700", ok().replace("200", "700"), 400, /status line/],
      ["status code of four digits", ok().replace("200", "2000"), 400, /three digits/],
    ];
  for (const [what, text, status, cause] of cases) {
    test(what, () => {
      const [code, reason] = refused(text);
      expect(code, reason).toBe(status);
      expect(reason).toMatch(cause);
    });
  }
});

describe("the answer to what cannot be read", () => {
  test("is there when Via, From, To, Call-ID and CSeq are", () => {
    const parsed = parse(invite({ "Max-Forwards": "many", "Via": "SIP/2.0/UDP a;branch=b" }));
    expect(parsed.kind === "malformed" && parsed.reply).toEqual({
      vias: ["SIP/2.0/UDP a;branch=b"],
      via: Via.parse("SIP/2.0/UDP a;branch=b"),
      from: '"Ann" <sip:ann@example.com>;tag=f1',
      to: "<sip:bob@example.net>",
      callId: "c1@192.0.2.1",
      cseq: "7 INVITE",
      timestamp: undefined,
    });
  });
  test("is there when of the Via its sender alone can be read", () => {
    const parsed = parse(invite({ Via: "SIP/2.0/UDP a;;,;,," }));
    expect(parsed.kind === "malformed" && parsed.reply?.vias).toEqual(["SIP/2.0/UDP a;;,;,,"]);
    expect(parsed.kind === "malformed" && parsed.reply?.via.host).toBe("a");
  });
  test("repeats folded headers as one line", () => {
    const folded = invite({ From: "<sip:a@b>\r\n ;tag=1", "Max-Forwards": "many" });
    const parsed = parse(folded);
    expect(parsed.kind === "malformed" && parsed.reply?.from).toBe("<sip:a@b> ;tag=1");
  });
  const never: ReadonlyArray<readonly [string, string]> = [
    ["a response", ok({ "Max-Forwards": "many" })],
    ["an ACK", invite({ "CSeq": "7 ACK", "Max-Forwards": "many" })],
    ["a Via that names no sender", invite({ Via: "SIP/2.0/UDP ;branch=z9hG4bKa" })],
    ["no To", invite({ To: undefined })],
    ["no SIP at all", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"],
  ];
  for (const [what, text] of never) {
    test(`is not there for ${what}`, () => {
      const parsed = parse(text);
      expect(parsed.kind === "malformed" && parsed.reply).toBeUndefined();
    });
  }
});

describe("T14: a header cannot be smuggled past its name", () => {
  const spellings = [
    "X-Internal: 1",
    "X-Internal : 1",
    "X-Internal\t: 1",
    "x-internal:1",
    "X-INTERNAL:\r\n 1",
    "X-Internal: \r\n\t1",
  ];
  for (const spelling of spellings) {
    test(`T14: ${JSON.stringify(spelling)} is x-internal`, () => {
      const message = request(invite({}, [spelling]));
      expect(Message.values(message, "x-internal")).toEqual(["1"]);
    });
  }
  test("T14: compact forms are their long forms", () => {
    const message = request(invite({}, ["k: timer", "SUPPORTED : path"]));
    expect(Header.tokens(message, "supported")).toEqual(["timer", "path"]);
    expect(HeaderName.canonical("M")).toBe("contact");
  });
  test("T14: every duplicate is seen", () => {
    const message = request(invite({}, ["X-Internal: 1", "x-internal :2", "X-internal:3"]));
    expect(Message.values(message, "x-internal")).toEqual(["1", "2", "3"]);
  });
  test("T14: a folded name, one with a control or a %-escape is no other header", () => {
    expect(refused(invite({}, ["X-Inter\r\n nal: 1"]))[0]).toBe(400);
    expect(refused(invite({}, ["X-Internal\r\n : 1"]))[0]).toBe(400);
    expect(refused(invite({}, ["X-Internal\0: 1"]))[0]).toBe(400);
    expect(refused(invite({}, ["X-Int\xe9rnal: 1"]))[0]).toBe(400);
    const message = request(invite({}, ["X-%49nternal: 1"]));
    expect(Message.values(message, "x-internal")).toEqual([]);
  });
});

describe("T15: only To is To", () => {
  for (const name of ["To\x01", "\x01To", "To\x00", "T\x7fo", "To\xa0", "To\x0b", "To\x85"]) {
    test(`T15: ${JSON.stringify(name)} is refused`, () => {
      const smuggled = invite({ To: undefined }, [`${name}: <sip:bob@example.net>;tag=t1`]);
      expect(refused(smuggled)[0]).toBe(400);
      expect(refused(invite({}, [`${name}: <sip:bob@example.net>;tag=t1`]))[0]).toBe(400);
    });
  }
});

describe("T17: CSeq", () => {
  const bad = [
    "2147483648 INVITE",
    "4294967296 INVITE",
    "18446744073709551617 INVITE",
    "-1 INVITE",
    "+1 INVITE",
    "1.5 INVITE",
    "0x10 INVITE",
    "1INVITE",
    "1",
    "INVITE",
    "1 INVITE x",
    `${"1".repeat(8_000)} INVITE`,
    `7 ${"A".repeat(8_000)}`,
  ];
  for (const value of bad) {
    test(`T17: ${value.slice(0, 30)} is refused`, () => {
      const text = invite().replace("CSeq: 7 INVITE", `CSeq: ${value}`);
      expect(refused(text)).toEqual([400, expect.stringMatching(/CSeq/)]);
    });
  }
  test("T17: a method of 100 KB and a number of 100,000 digits are refused", () => {
    const large = { ...Limits.defaults, datagram: 300_000, head: 300_000, line: 200_000 };
    const method = invite().replace("7 INVITE", `7 ${"A".repeat(100_000)}`);
    const digits = invite().replace("7 INVITE", `${"7".repeat(100_000)} INVITE`);
    for (const limits of [Limits.defaults, large]) {
      expect(refused(method, limits)[0]).toBeGreaterThanOrEqual(400);
      expect(refused(digits, limits)[0]).toBeGreaterThanOrEqual(400);
    }
  });
  test("T17: the largest number and leading zeros are read", () => {
    expect(request(invite({ CSeq: "2147483647 INVITE" })).cseq).toBe(2_147_483_647);
    expect(request(invite({ CSeq: "0009 INVITE" })).cseq).toBe(9);
  });
});

describe("T20: more headers than anybody needs", () => {
  const many = (line: string, count: number) => new Array<string>(count).fill(line);
  test("T20: SUBSCRIBE with 1,000 Accept headers", () => {
    const text = invite({ CSeq: "7 SUBSCRIBE" }, many("Accept: a/b", 1_000));
    expect(refused(text)).toEqual([400, "more than 256 headers"]);
  });
  for (const line of ["Via: SIP/2.0/UDP a;branch=b", "Route: <sip:a;lr>", "Contact: <sip:a>"]) {
    test(`T20: 10,000 times ${line}`, () => {
      expect(refused(invite({}, many(line, 10_000)))[0]).toBeGreaterThanOrEqual(400);
      const [name, value] = line.split(": ");
      const list = new Array<string>(10_000).fill(value!).join(",");
      expect(refused(invite({}, [`${name}: ${list}`]))[0]).toBeGreaterThanOrEqual(400);
    });
  }
  test("T20: a list in one line has its limit as well", () => {
    const message = request(invite({}, [`Route: ${many("<sip:a;lr>", 600).join(",")}`]));
    expect(Validate.request(message)).toMatchObject({ status: 400, reason: "Route is malformed" });
  });
  test("T20: 71 Via", () => {
    const vias = many("Via: SIP/2.0/UDP a;branch=b", 70);
    expect(refused(invite({}, vias))).toEqual([400, "more than 70 Via"]);
    expect(request(invite({}, vias.slice(1))).kind).toBe("request");
  });
});

describe("T22: branches and tags", () => {
  const via = (branch: string) => invite({ Via: `SIP/2.0/UDP a;branch=${branch}` });
  for (const branch of ["", '"z9hG4bKa"', "z9hG4bK a", "z9hG4bK\x01", "z9hG4bK<>", "z9hG4bK\xe4"]) {
    test(`T22: branch ${JSON.stringify(branch)} is refused`, () => {
      expect(refused(via(branch))[0]).toBe(400);
    });
  }
  for (const tag of ["", '"a"', "a b", "a\x01", "a<b", "\xe4"]) {
    test(`T22: tag ${JSON.stringify(tag)} is refused`, () => {
      expect(refused(invite({ From: `<sip:a@b>;tag=${tag}` }))[0]).toBe(400);
      expect(refused(invite({ To: `<sip:a@b>;tag=${tag}` }))[0]).toBe(400);
    });
  }
  test("T22: 64 KB and one octet too many are refused, the limit is not", () => {
    for (const length of [65_000, 513]) {
      expect(refused(via("z9hG4bK".padEnd(length, "x")))[0]).toBeGreaterThanOrEqual(400);
      expect(refused(invite({ From: `<sip:a@b>;tag=${"x".repeat(length)}` }))[0])
        .toBeGreaterThanOrEqual(400);
    }
    expect(request(via("z9hG4bK".padEnd(512, "x"))).via.branch).toHaveLength(512);
  });
  test("T22: the bare cookie is no transaction", () => {
    expect(Via.hasCookie(request(via("z9hG4bK")).via)).toBe(false);
  });
});

describe("limits", () => {
  test("are refusals that name them", () => {
    expect(refused(invite({}, [`A: ${"b".repeat(9_000)}`]))).toEqual([
      400,
      "header of more than 8192 octets",
    ]);
    expect(refused(invite({}, new Array<string>(5).fill(`A: ${"b".repeat(8_000)}`)))).toEqual([
      513,
      "headers of more than 32768 octets",
    ]);
    for (const line of ["From", "To", "Via"]) {
      const value = line === "Via" ? "SIP/2.0/UDP a;x=" : "<sip:a@b>;x=";
      expect(refused(invite({ [line]: value + "y".repeat(1_020) }))).toEqual([
        400,
        "Via, From or To of more than 1024 octets",
      ]);
    }
    expect(refused(invite({}, [`v: SIP/2.0/UDP ${"b".repeat(1_020)}`]))[1]).toMatch(/^Via/);
    expect(refused(invite({ To: `<sip:${"b".repeat(510)}@a>` }))[1]).toBe(
      "URI in To of more than 512 octets",
    );
    expect(refused(invite({ Via: `SIP/2.0/UDP ${"b".repeat(256)}` }))[1]).toBe("Via is malformed");
    expect(refused(invite({}, [], "b".repeat(70_000)))).toEqual([
      513,
      "message of more than 65535 octets",
    ]);
    expect(refused(invite().replace("sip:bob", `sip:${"b".repeat(3_000)}`))).toEqual([
      414,
      "Request-URI of more than 512 octets",
    ]);
    expect(refused(invite().replace("INVITE sip", `${"I".repeat(65)} sip`))[1]).toMatch(/method/);
    const small = { ...Limits.defaults, body: 10 };
    expect(refused(invite({}, [], "b".repeat(11)), small)).toEqual([
      413,
      "body of more than 10 octets",
    ]);
  });
});

test("flat keeps the text and gives up its parent", () => {
  const text = Text.fromBytes(Text.toBytes(invite())).slice(20, 60);
  expect(Text.flat(text)).toBe(text);
  expect(Text.flat("")).toBe("");
});

test("the array may be reused after parsing", () => {
  const octets = Text.toBytes(invite());
  const message = Parser.parse(octets);
  octets.fill(0);
  expect(message.kind === "request" && Message.first(message, "call-id")).toBe("c1@192.0.2.1");
});
