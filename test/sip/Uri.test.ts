import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Address from "../../src/sip/Address.ts";
import * as Params from "../../src/sip/Params.ts";
import * as Text from "../../src/kernel/Text.ts";
import * as Uri from "../../src/sip/Uri.ts";
import * as Via from "../../src/sip/Via.ts";

const uri = (text: string): Uri.Uri => {
  const parsed = Uri.parse(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};
const equal = (a: string, b: string): boolean => Uri.equal(uri(a), uri(b));

describe("parse", () => {
  test("all parts, as they were written", () => {
    expect(uri("SIP:al%69ce;x=1:pw@[2001:DB8::1]:5070;Transport=tcp;lr?a=b&c=%20")).toEqual({
      kind: "sip",
      scheme: "sip",
      user: "al%69ce;x=1",
      password: "pw",
      host: "[2001:DB8::1]",
      port: 5070,
      params: ";Transport=tcp;lr",
      headers: "a=b&c=%20",
    });
    expect(uri("tel:+1-212-555-0101;phone-context=example.com")).toEqual({
      kind: "tel",
      scheme: "tel",
      user: "+1-212-555-0101",
      params: ";phone-context=example.com",
    });
    expect(uri("http://www.example.com/")).toEqual({
      kind: "other",
      scheme: "http",
      rest: "//www.example.com/",
    });
  });
  const bad = [
    "",
    "sip:",
    "sip:@a",
    "sip",
    "1sip:a",
    ":a",
    "sip:a b",
    "sip:a@",
    "sip:a@b@c",
    "sip:a@b:0",
    "sip:a@b:65536",
    "sip:a@b:",
    "sip:a@b:x",
    "sip:2001:db8::10",
    "sip:a@[2001:db8::1",
    "sip:a@[]",
    "sip:a@[host]",
    "sip:a%4@b",
    "sip:a%zz@b",
    "sip:a@b;",
    "sip:a@b;;lr",
    "sip:a@b;x=",
    "sip:a@b;=x",
    "sip:a@b?",
    "sip:a@b/c",
    'sip:a"@b',
    "sip:a@b;x=<",
    "sip:\xe9@b",
    "tel:",
    "tel:;a=b",
    "tel:1;",
    "tel:1%",
  ];
  for (const text of bad) {
    test(`${JSON.stringify(text)} is malformed`, () => expect(Uri.parse(text)).toBeUndefined());
  }
});

describe("equality (RFC 3261 section 19.1.4)", () => {
  const same: ReadonlyArray<readonly [string, string]> = [
    ["sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"],
    ["sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"],
    ["sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"],
    [
      "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
      "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ],
    [
      "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
      "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ],
    ["sip:a%2fb@c", "sip:a%2Fb@c"],
    ["tel:+1-212-555-0101", "tel:+12125550101"],
  ];
  for (const [a, b] of same) {
    test(`${a} equals ${b}`, () => expect([equal(a, b), equal(b, a)]).toEqual([true, true]));
  }
  const different: ReadonlyArray<readonly [string, string]> = [
    ["sip:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"],
    ["sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"],
    ["sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"],
    ["sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"],
    ["sip:a@b;user=phone", "sip:a@b"],
    ["sip:a@b;maddr=c", "sip:a@b"],
    ["sip:a@b", "sips:a@b"],
    ["sip:a@b", "sip:a:@b"],
    ["sip:%00@b", "sip:%00%00@b"],
    ["sip:a%3Bb@c", "sip:a;b@c"],
    ["sip:12125550101@a", "tel:+12125550101"],
    ["tel:1;phone-context=a", "tel:1"],
  ];
  for (const [a, b] of different) {
    test(`${a} differs from ${b}`, () =>
      expect([equal(a, b), equal(b, a)]).toEqual([false, false]));
  }
  const text = fc.string({ unit: fc.constantFrom(..."ab%41é\0;,/ "), maxLength: 6 });
  test("is reflexive and symmetric, and escaping loses nothing", () => {
    fc.assert(fc.property(text, text, (a, b) => {
      const left = `sip:${Text.escapeUser(a + "x")}@h`;
      const right = `sip:${Text.escapeUser(b + "x")}@H;a=b`;
      expect(equal(left, left)).toBe(true);
      expect(equal(left, right)).toBe(equal(right, left));
      expect(equal(left, right)).toBe(a === b);
      const parsed = uri(left);
      expect(parsed.kind === "sip" && Uri.userText(parsed)).toBe(a + "x");
      expect(Uri.print(parsed)).toBe(left);
    }));
  });
});

test("parameters are found whatever their spelling", () => {
  const parsed = uri("sip:a@b;%6C%72;Maddr=1.2.3.4") as Uri.SipUri;
  expect(Uri.param(parsed, "lr")).toBe("");
  expect(Uri.param(parsed, "maddr")).toBe("1.2.3.4");
  expect(Uri.param(parsed, "ttl")).toBeUndefined();
});

test("an address of record has no port, parameters or headers (section 10.3)", () => {
  const aor = Uri.addressOfRecord(uri("sip:%41nn@Example.COM:5080;x=y?a=b") as Uri.SipUri);
  expect(aor).toBe("sip:Ann@example.com");
});

test("a request target loses headers and method, nothing else", () => {
  expect(Uri.print(Uri.requestTarget(uri("sip:a@b;x;method=BYE;lr?Route=%3Csip:c%3E")))).toBe(
    "sip:a@b;x;lr",
  );
  const plain = uri("sip:a@b;x=y");
  expect(Uri.requestTarget(plain)).toBe(plain);
});

describe("addresses", () => {
  test("display names, quoted and not", () => {
    expect(Address.parse('"A \\"B\\" \\\\" <sip:a@b>;x="y;z"')).toEqual({
      display: 'A "B" \\',
      uri: "sip:a@b",
      tag: undefined,
      params: ';x="y;z"',
    });
    expect(Address.parse("A. B <sip:a@b> ; tag = 1 ")?.display).toBe("A. B");
    expect(Address.parse("caller<sip:a@b>")?.display).toBe("caller");
    expect(Address.parse("J\xc3\xb6rg (home) <sip:a@b>")?.display).toBe("J\xc3\xb6rg (home)");
  });
  test("without brackets, parameters are the header's", () => {
    expect(Address.parse("sip:a@b;tag=1;x=y")).toMatchObject({ uri: "sip:a@b", tag: "1" });
    expect(Address.parse("sip:a@b?x=y")).toBeUndefined();
  });
  for (
    const text of [
      "",
      "<>",
      "< sip:a@b >",
      "<sip:a@b>>",
      "<sip:a@b>x",
      '"A <sip:a@b>',
      "<sip:a@b>;",
    ]
  ) {
    test(`${JSON.stringify(text)} is malformed`, () => {
      expect(Address.parse(text)).toBeUndefined();
    });
  }
  test("what is printed is read", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 10 }), (name) => {
      const display = Text.encode(name.replaceAll(/[\r\n]/g, ""));
      expect(Address.parse(Address.print(display, "sip:a@b", ";tag=1"))).toMatchObject({
        display,
        uri: "sip:a@b",
        tag: "1",
      });
    }));
  });
});

test("parameters of a header", () => {
  expect(Params.parse(';A=b ; c="d;\\"e" ;f')).toEqual([["a", "b"], ["c", 'd;"e'], ["f", ""]]);
  expect(Params.parse(";a;;b")).toBeUndefined();
  expect(Params.parse("a")).toBeUndefined();
  expect(Params.get(";A=b;c", "c")).toBe("");
  expect(Params.get(";A=b;c", "d")).toBeUndefined();
});

describe("Via", () => {
  test("white space and folds anywhere the grammar has them", () => {
    expect(Via.parse("SIP / 2.0 / TCP  h : 5070 ; branch = x , SIP/2.0/UDP i")).toMatchObject({
      transport: "TCP",
      host: "h",
      port: 5070,
      branch: "x",
      text: "SIP / 2.0 / TCP  h : 5070 ; branch = x",
    });
  });
  test("its parameters", () => {
    expect(
      Via.parse("SIP/2.0/wss x.invalid;branch=z9hG4bKa;received=[::1];RPORT=9;maddr=a;q"),
    ).toMatchObject({
      transport: "WSS",
      received: "[::1]",
      rport: 9,
      params: ";branch=z9hG4bKa;received=[::1];RPORT=9;maddr=a;q",
    });
  });
  for (
    const text of ["", "SIP/2.0/UDP", "SIP/2.0 a", "SIP/2.0/UDP a b", "SIP/2.0/UDP a;rport=x"]
  ) {
    test(`${JSON.stringify(text)} is malformed`, () => expect(Via.parse(text)).toBeUndefined());
  }
});

describe("text", () => {
  test("octets, and what people read", () => {
    expect(Text.decode("J\xc3\xb6rg")).toBe("Jörg");
    expect(Text.encode("Jörg")).toBe("J\xc3\xb6rg");
    expect(Text.decode("\xff")).toBe("\ufffd");
    expect(Text.decodeStrict("\xff")).toBeUndefined();
  });
  test("every octet survives", () => {
    fc.assert(fc.property(fc.uint8Array(), (octets) => {
      expect(Text.toBytes(Text.fromBytes(octets))).toEqual(octets);
      const target = new Uint8Array(octets.length + 2);
      expect(Text.write(Text.fromBytes(octets), target, 1)).toBe(octets.length + 1);
      expect(target.subarray(1, -1)).toEqual(octets);
    }));
  });
});
