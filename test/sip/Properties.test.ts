/** Properties of the parser and the printer over random and mutated input. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Digest from "../../src/sip/Digest.ts";
import * as Frame from "../../src/sip/Frame.ts";
import * as Header from "../../src/sip/Header.ts";
import * as Limits from "../../src/sip/Limits.ts";
import * as Message from "../../src/sip/Message.ts";
import * as Parser from "../../src/sip/Parser.ts";
import * as Printer from "../../src/sip/Printer.ts";
import * as Text from "../../src/kernel/Text.ts";
import * as Uri from "../../src/sip/Uri.ts";
import * as Validate from "../../src/sip/Validate.ts";
import { invite, ok } from "./samples.ts";

/** Everything that this library reads from a message; must never throw. */
const readAll = (octets: Uint8Array): Message.Parsed => {
  const parsed = Parser.parse(octets);
  Frame.make().push(octets);
  if (parsed.kind !== "request" && parsed.kind !== "response") return parsed;
  for (const field of Message.fields(parsed)) {
    Message.values(parsed, field.name);
    Uri.parse(field.value);
    Digest.parse(field.value);
    Digest.parseChallenge(field.value);
    Header.tokens(parsed, field.name);
  }
  Header.contacts(parsed);
  Header.rack(parsed);
  if (parsed.kind === "request") Validate.request(parsed);
  else Validate.response(parsed);
  return parsed;
};

const again = (message: Message.Message): string => {
  const fields = Message.fields(message).map(({ rawName, rawValue }) =>
    [rawName, rawValue] as const
  );
  return message.kind === "request"
    ? Printer.request({ method: message.method, uri: message.uri, fields, body: message.body })
    : Printer.response({
      status: message.status,
      reason: message.reason,
      fields,
      body: message.body,
    });
};

/** The meaning of a message: where its headers stood in the text does not count. */
const meaning = (message: Message.Message) => {
  const { contentLength: _, fields: __, text: ___, ...rest } = message;
  const headers = Message.fields(message).filter(({ name }) => name !== "content-length");
  return { ...rest, headers };
};

const tokenChars = [..."abcxyzABCXYZ0189-.!%*_+`'~"];
const token = fc.string({ unit: fc.constantFrom(...tokenChars), minLength: 1, maxLength: 12 });
const word = fc.string({
  unit: fc.constantFrom(...tokenChars, ..."()<>:\\/[]?{}@"),
  minLength: 1,
  maxLength: 20,
});
const octet = fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c));
const valueChar = octet.filter((c) => c >= " " && c !== "\x7f");
/** A value with folds inside and nothing to trim at its ends. */
const value = fc.array(fc.string({ unit: valueChar, maxLength: 12 }), { maxLength: 4 })
  .map((parts) => parts.map((part) => part.trim()).filter((part) => part !== "").join("\r\n "));
const display = fc.string({ unit: fc.constantFrom(...'ab "\\,;<>:'), maxLength: 8 });

const source = fc.record({
  request: fc.boolean(),
  method: token,
  status: fc.integer({ min: 100, max: 699 }),
  reason: fc.string({ unit: valueChar, maxLength: 20 }),
  user: fc.string({ unit: octet, minLength: 1, maxLength: 8 }),
  display,
  branch: token,
  tag: token,
  callId: word,
  cseq: fc.integer({ min: 0, max: 0x7fffffff }),
  unknown: fc.array(fc.tuple(token.map((name) => `X-${name}`), value), { maxLength: 5 }),
  body: fc.string({ unit: octet, maxLength: 60 }),
});

test("print, then parse: what was written is read", () => {
  fc.assert(
    fc.property(source, (from) => {
      const uri = `sip:${Text.escapeUser(Text.decode(from.user))}@example.com`;
      const address = (from.display === "" ? "" : `"${from.display.replace(/["\\]/g, "\\$&")}" `) +
        `<${uri}>;tag=${from.tag}`;
      const fields: Array<Printer.HeaderField> = [
        ["Via", `SIP/2.0/TCP [2001:db8::1]:5070;branch=${from.branch};x="\\";"`],
        ["f", address],
        ["TO", address],
        ["Call-Id", from.callId],
        ["CSEQ", `${from.cseq} ${from.method}`],
        ...from.unknown,
      ];
      const printed = from.request
        ? Printer.request({ method: from.method, uri, fields, body: from.body })
        : Printer.response({ status: from.status, reason: from.reason, fields, body: from.body });
      const message = Parser.parse(Text.toBytes(printed));
      expect(message).toMatchObject({
        kind: from.request ? "request" : "response",
        via: { transport: "TCP", host: "[2001:db8::1]", port: 5070, branch: from.branch },
        from: { display: from.display, uri, tag: from.tag },
        to: { display: from.display, uri, tag: from.tag },
        callId: from.callId,
        cseq: from.cseq,
        cseqMethod: from.method,
        body: from.body,
        ...(from.request
          ? { method: from.method, uri }
          : { status: from.status, reason: from.reason }),
      });
      if (message.kind !== "request" && message.kind !== "response") return;
      const unknown = Message.fields(message).filter(({ rawName }) => rawName.startsWith("X-"));
      expect(unknown.map(({ rawName, rawValue }) => [rawName, rawValue])).toEqual(from.unknown);
      const twice = Parser.parse(Text.toBytes(again(message)));
      expect(meaning(twice as Message.Message)).toEqual(meaning(message));
    }),
    { numRuns: 500 },
  );
});

test("no octets throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (octets) => {
      readAll(octets);
    }),
    { numRuns: 1_000 },
  );
});

const folder = new URL("../../../shared/corpus/", import.meta.url);
const torture = existsSync(folder)
  ? ["rfc4475/", "rfc5118/"].flatMap((name) =>
    readdirSync(new URL(name, folder)).map((file) => readFileSync(new URL(name + file, folder)))
  )
  : [];
const seeds = [
  ...torture.map((file) => Text.fromBytes(file)),
  invite({ Authorization: 'Digest username="a", realm="b", nonce="c", uri="d"' }, [], "v=0"),
  ok({ Contact: '"A" <sip:a@b;lr?c=d>;q=0.5, <sip:e>;expires=60' }),
];
const splice = fc.constantFrom(
  ...'\0\r\n\t ":;,<>=/@%\\x\x7f\xff',
  "\r\n",
  "\r\n ",
  "\r\n\r\n",
  "Content-Length: 5\r\n",
  "Via: ",
);

test("no mutated message throws, and what is read can be printed and read again", () => {
  const edit = fc.tuple(fc.nat(3_000), fc.nat(6), splice);
  fc.assert(
    fc.property(
      fc.constantFrom(...seeds),
      fc.array(edit, { minLength: 1, maxLength: 4 }),
      (seed, edits) => {
        let text = seed;
        for (const [at, removed, added] of edits) {
          const i = at % (text.length + 1);
          text = text.slice(0, i) + added + text.slice(i + removed);
        }
        const parsed = readAll(Text.toBytes(text));
        if (parsed.kind !== "request" && parsed.kind !== "response") return;
        const second = Parser.parse(Text.toBytes(again(parsed)));
        expect(second.kind).toBe(parsed.kind);
        if (text.includes("\\\0")) return; // NUL leaves as a space, by rule
        expect(meaning(second as Message.Message)).toEqual(meaning(parsed));
      },
    ),
    { numRuns: 3_000 },
  );
});

describe("hostile octets cost time in proportion to their number", () => {
  const limits: Limits.Limits = {
    ...Limits.defaults,
    datagram: 4_000_000,
    head: 4_000_000,
    line: 4_000_000,
    headers: 4_000_000,
    vias: 4_000_000,
    repeated: 4_000_000,
    uri: 4_000_000,
    token: 4_000_000,
  };
  const fill = (unit: string) => (size: number) => unit.repeat(Math.ceil(size / unit.length));
  const header = (name: string, unit: string) => (size: number) =>
    invite({ [name]: undefined }, [`${name}: ${fill(unit)(size)}`]);
  const shapes: ReadonlyArray<readonly [string, (size: number) => string]> = [
    ["spaces", fill(" ")],
    ["quotes", header("From", '"')],
    ["backslashes", header("From", '"\\')],
    ["opening brackets", header("To", "<")],
    ["semicolons", header("To", "<sip:a>;")],
    ["flags", header("To", ";a")],
    ["Via parameters", header("Via", ";a=b")],
    ["folds", header("Subject", "a\r\n ")],
    ["white space before nothing", header("Subject", " \t")],
    ["commas", header("Contact", ",")],
    ["contacts", header("Contact", "<sip:a@b;c;d>,")],
    ["URI flags", header("Contact", ";a")],
    ["escapes", header("Contact", "%41")],
    ["digest parameters", header("Authorization", "a=b,")],
    ["digest quotes", header("Authorization", 'a="\\')],
    ["headers", (size) => invite({}, new Array<string>(Math.ceil(size / 6)).fill("A: b"))],
    ["Request-URI", (size) => invite().replace("sip:bob", `sip:${fill(";x")(size)}`)],
    ["line ends", fill("\r\n")],
    ["almost an end", fill("\r\n\r")],
  ];
  const time = (octets: Uint8Array): number => {
    let best = Infinity;
    for (let i = 0; i < 3; i++) {
      const begin = performance.now();
      const parsed = Parser.parse(octets, limits);
      Frame.make(limits).push(octets);
      if (parsed.kind === "request") {
        Validate.request(parsed);
        for (const text of Message.values(parsed, "authorization")) Digest.parse(text);
        for (const text of Message.values(parsed, "contact")) Uri.parse(`sip:a@b${text}`);
      }
      best = Math.min(best, performance.now() - begin);
    }
    return best;
  };
  for (const [what, make] of shapes) {
    test(what, () => {
      const small = Text.toBytes(make(65_536));
      const large = Text.toBytes(make(16 * 65_536));
      // Sixteen times the octets; a quadratic scan would take 256 times as long. A machine that is
      // busy with something else may spoil a measurement, but not each of ten.
      const grows = () => time(large) / Math.max(time(small), 0.5);
      const growths = Array.from({ length: 10 }, (_, n) => n);
      expect(growths.some(() => grows() < 80)).toBe(true);
    });
  }
});
