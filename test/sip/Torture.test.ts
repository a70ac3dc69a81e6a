/** RFC 4475 and RFC 5118: what the parser and the validator make of the torture messages. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as Digest from "../../src/sip/Digest.ts";
import * as Header from "../../src/sip/Header.ts";
import * as Message from "../../src/sip/Message.ts";
import * as Parser from "../../src/sip/Parser.ts";
import * as Text from "../../src/kernel/Text.ts";
import * as Uri from "../../src/sip/Uri.ts";
import * as Validate from "../../src/sip/Validate.ts";

interface Case {
  readonly file: string;
  readonly section: string;
  readonly expect: "accept" | "reject" | "either" | "none";
  readonly detail: string;
}

const folder = new URL("../../../shared/corpus/", import.meta.url);
const present = existsSync(folder);
const { rfc4475, rfc5118 }: Record<"rfc4475" | "rfc5118", Array<Case>> = present
  ? JSON.parse(readFileSync(new URL("expected.json", folder), "utf8"))
  : { rfc4475: [], rfc5118: [] };

/** The octets as they were meant to be on the wire: the notes of `expected.json`. */
const octetsOf = ({ detail, file }: Case): Uint8Array => {
  let text = Text.fromBytes(readFileSync(new URL(file, folder)));
  if (file.endsWith("baddn.dat")) text += "\r\n";
  if (file.startsWith("rfc5118/")) {
    text = text.replaceAll(/\r?\n/g, "\r\n");
    if (!text.includes("\r\n\r\n")) text += "\r\n";
    if (detail.startsWith("recompute Content-Length")) {
      const body = text.slice(text.indexOf("\r\n\r\n") + 4);
      text = text.replace(/Content-Length: \d+/, `Content-Length: ${body.length}`);
    }
  }
  return Text.toBytes(text);
};

interface Verdict {
  readonly accepted: boolean;
  /** Of a refused request; 0 is a discarded response. */
  readonly status: number;
  readonly reason: string;
}

const verdictOf = (octets: Uint8Array): Verdict => {
  const parsed = Parser.parse(octets);
  if (parsed.kind === "malformed") {
    return { accepted: false, status: parsed.status, reason: parsed.reason };
  }
  if (parsed.kind === "keepAlive") return { accepted: true, status: 0, reason: "" };
  if (parsed.kind === "response") {
    const reason = Validate.response(parsed);
    return { accepted: reason === undefined, status: 0, reason: reason ?? "" };
  }
  const refusal = Validate.request(parsed);
  if (refusal !== undefined) {
    return { accepted: false, status: refusal.status, reason: refusal.reason };
  }
  // Credentials of a scheme that we do not know are none: the registrar challenges.
  const credentials = Message.first(parsed, "authorization");
  return credentials !== undefined && Digest.parse(credentials).kind !== "answer"
    ? { accepted: false, status: 401, reason: "no credentials" }
    : { accepted: true, status: 200, reason: "" };
};

/** Statuses that the detail of a rejection names; none for a discarded response. */
const statusesOf = (detail: string): ReadonlyArray<number> =>
  detail.includes("response discarded") ? [] : [...detail.matchAll(/\b[45]\d\d\b/g)].map(Number);

/** What we do where both outcomes conform. */
const choices: Readonly<Record<string, number>> = {
  "ltgtruri.dat": 400,
  "lwsruri.dat": 400,
  "badaspec.dat": 400,
  // Nobody here reads Date.
  "baddate.dat": 200,
  // The bare cookie counts as none: RFC 2543 matching.
  "badbranch.dat": 200,
  // The registrar's own rule, not the message's.
  "unksm2.dat": 200,
  // MaxForwards.next decides where a request is passed on.
  "zeromf.dat": 200,
  "inv2543.dat": 200,
};

const parse = (name: string) =>
  Parser.parse(octetsOf([...rfc4475, ...rfc5118].find((one) => one.file.endsWith(name))!));

const request = (name: string): Message.Request => {
  const parsed = parse(name);
  if (parsed.kind !== "request") throw new Error(`${name} is no request`);
  return parsed;
};

describe.skipIf(!present)(present ? "torture messages" : "skipped: no corpus", () => {
  test("are all there", () => expect(rfc4475.length + rfc5118.length).toBe(62));

  for (const one of [...rfc4475, ...rfc5118]) {
    test(`${one.file} (${one.section}): ${one.expect}`, () => {
      const verdict = verdictOf(octetsOf(one));
      // An unknown method parses, and is for a UAS to answer with 501.
      const accepted = verdict.accepted || (verdict.status === 501 && /501/.test(one.detail));
      if (one.expect === "accept") expect(accepted, verdict.reason).toBe(true);
      if (one.expect === "either") {
        expect(verdict.status, verdict.reason).toBe(choices[one.file.slice("rfc4475/".length)]);
      }
      if (one.expect !== "reject") return;
      expect(verdict.accepted).toBe(false);
      const statuses = statusesOf(one.detail);
      if (statuses.length > 0) expect(statuses, verdict.reason).toContain(verdict.status);
      const parsed = Parser.parse(octetsOf(one));
      if (statuses.length === 0 && parsed.kind === "malformed") {
        expect(parsed.reply).toBeUndefined();
      }
    });
  }

  test("wsinv.dat: folds and odd case are read as one line", () => {
    const invite = request("wsinv.dat");
    expect(invite.to.tag).toBe("1918181833n");
    expect(invite.from.display).toBe('J Rosenberg \\"');
    expect(invite.from.tag).toBe("98asjd8");
    expect(invite.cseq).toBe(9);
    expect(invite.maxForwards).toBe(68);
    expect(invite.via).toMatchObject({ transport: "UDP", host: "192.0.2.2", branch: "390skdjuw" });
    expect(Message.values(invite, "via")).toHaveLength(2);
    expect(Message.first(invite, "newfangledheader")).toBe(
      "newfangled value continued newfangled value",
    );
    const unknown = Message.fields(invite).find((field) => field.name === "newfangledheader");
    expect(unknown?.rawValue).toBe("newfangled value\r\n continued newfangled value");
    const contacts = Header.contacts(invite);
    expect(contacts).toHaveLength(1);
    expect(contacts === "*" ? undefined : Header.q(contacts![0]!)).toBe(330);
  });

  test("escnull.dat: escaped NULs are two different bindings", () => {
    const contacts = Header.contacts(request("escnull.dat"));
    const [a, b] = contacts === "*" || contacts === undefined
      ? []
      : contacts.map(({ uri }) => Uri.parse(uri)!);
    expect(Uri.equal(a!, b!)).toBe(false);
    expect(a?.kind === "sip" ? Uri.userText(a) : "").toBe("\0");
  });

  test("semiuri.dat: the user part holds a semicolon", () => {
    expect(Uri.parse(request("semiuri.dat").uri)).toMatchObject({
      user: "user;par=u%40example.net",
      host: "example.com",
      params: "",
    });
  });

  test("dblreq.dat: what follows the first message is no message", () => {
    expect(request("dblreq.dat").body).toBe("");
  });

  test("mpart01.dat: a binary body keeps every octet", () => {
    const octets = octetsOf(rfc4475.find((one) => one.file.endsWith("mpart01.dat"))!);
    const message = request("mpart01.dat");
    expect(message.body).toHaveLength(553);
    expect(Text.toBytes(message.body)).toEqual(octets.subarray(octets.length - 553));
  });

  test("cparam01.dat and cparam02.dat: whose parameter it is", () => {
    const first = Header.contact(request("cparam01.dat"))!;
    expect([first.uri, first.params]).toEqual([
      "sip:+19725552222@gw1.example.net",
      ";unknownparam",
    ]);
    const second = Header.contact(request("cparam02.dat"))!;
    expect([second.uri, second.params]).toEqual([
      "sip:+19725552222@gw1.example.net;unknownparam",
      "",
    ]);
  });

  test("regescrt.dat: a Contact's headers are kept apart, and gone from a request", () => {
    const uri = Uri.parse(Header.contact(request("regescrt.dat"))!.uri)!;
    expect(uri).toMatchObject({ headers: "Route=%3Csip:sip.example.com%3E" });
    expect(Uri.print(Uri.requestTarget(uri))).toBe("sip:user@example.com");
  });

  test("esc02.dat: %-escapes make another method and another header", () => {
    const message = request("esc02.dat");
    expect(message.method).toBe("RE%47IST%45R");
    expect(Message.values(message, "contact")).toHaveLength(2);
    expect(message.from.display).toBe("%Z%45");
  });

  test("unreason.dat: a reason phrase in UTF-8", () => {
    const response = parse("unreason.dat");
    expect(response.kind === "response" && Text.decode(response.reason)).toBe(
      "= 2**3 * 5**2 но сто девяносто девять - простое",
    );
  });

  test("bext01.dat and invut.dat: the answer says what would do", () => {
    expect(Validate.request(request("bext01.dat"))?.fields).toEqual([
      ["Unsupported", "nothingSupportsThis, nothingSupportsThisEither"],
    ]);
    expect(Validate.request(request("invut.dat"))?.fields).toEqual([["Accept", "application/sdp"]]);
  });

  test("scalar02.dat and quotbal.dat: what cannot be read can be answered", () => {
    const parsed = parse("scalar02.dat");
    expect(parsed.kind === "malformed" && parsed.reply?.cseq).toBe("36893488147419103232 REGISTER");
    const unbalanced = parse("quotbal.dat");
    expect(unbalanced.kind === "malformed" && unbalanced.reply?.to).toBe(
      '"Mr. J. User <sip:j.user@example.com>',
    );
  });

  test("port-ambiguous and port-unambiguous", () => {
    expect(Uri.parse(request("port-ambiguous").uri)).toMatchObject({
      host: "[2001:db8::10:5070]",
      port: undefined,
    });
    expect(Uri.parse(request("port-unambiguous").uri)).toMatchObject({
      host: "[2001:db8::10]",
      port: 5070,
    });
  });

  test("received with and without brackets", () => {
    expect(request("via-received-param-no-delim").via.received).toBe("2001:db8::9:255");
    expect(request("via-received-param-with-delim").via.received).toBe("[2001:db8::9:255]");
  });
});
