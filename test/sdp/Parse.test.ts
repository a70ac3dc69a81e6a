import { Result } from "effect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Parse from "../../src/sdp/Parse.ts";
import * as Print from "../../src/sdp/Print.ts";
import { bodyOf, phoneBody, session } from "./Generate.ts";

const parsed = (body: string) => Result.getOrThrow(Parse.parse(body));
const refusal = (body: string) => Result.getOrThrow(Result.flip(Parse.parse(body)));

test("parse(print(s)) is s", () => {
  fc.assert(fc.property(session, (one) => {
    expect(parsed(Print.print(one))).toEqual(one);
  }));
});

test("a phone's body comes out as it went in", () => {
  expect(Print.print(parsed(phoneBody))).toBe(phoneBody);
  const [audio] = parsed(phoneBody).media;
  expect(audio).toMatchObject({
    kind: "audio",
    port: 49170,
    formats: ["9", "0", "8", "18", "101"],
  });
  expect(audio?.attributes).toHaveLength(11);
});

test("any text gives a description or a refusal, and what it gives prints to itself", () => {
  const lines = fc.array(
    fc.oneof(
      fc.constantFrom(...phoneBody.split("\r\n")),
      fc.string({ unit: "binary", maxLength: 30 }),
      fc.constantFrom("m=audio 5 RTP/AVP", "c=", "o=a", "a=", "a=:", "t=", "b=\r", "m=audio x y 1"),
    ),
    { maxLength: 25 },
  );
  fc.assert(fc.property(lines, fc.constantFrom("\r\n", "\n", "\r"), (parts, end) => {
    const result = Parse.parse(parts.join(end));
    if (Result.isSuccess(result)) {
      expect(parsed(Print.print(result.success))).toEqual(result.success);
    } else expect(result.failure.cause).not.toBe("");
  }));
});

describe("tolerated", () => {
  test("LF alone", () => {
    expect(parsed(phoneBody.replaceAll("\r\n", "\n"))).toEqual(parsed(phoneBody));
  });
  test("an empty s= (RFC 5118 section 4.8)", () => {
    expect(parsed(phoneBody.replace("s=phone call", "s=")).name).toBe("");
    expect(parsed(phoneBody.replace("s=phone call", "s= ")).name).toBe("");
  });
  test("a mapping without a clock rate (RFC 4475 has it)", () => {
    expect(Print.print(parsed(bodyOf("m=video 4 RTP/AVP 31", "a=rtpmap:31 LPC")))).toContain("LPC");
  });
  test("an empty line at the end, and no line end at all", () => {
    expect(parsed(phoneBody + "\r\n")).toEqual(parsed(phoneBody));
    expect(parsed(phoneBody.trimEnd())).toEqual(parsed(phoneBody));
  });
  test("spaces at the end of m=, o= and c=", () => {
    const spaced = phoneBody.replace("18 101", "18 101 ").replace(
      "192.0.2.10\r\ns",
      "192.0.2.10 \r\ns",
    );
    expect(parsed(spaced)).toEqual(parsed(phoneBody));
  });
  test("lines in another order are printed in that of section 5", () => {
    const body = bodyOf("m=audio 4 RTP/AVP 0", "a=x", "b=AS:64", "i=title", "c=IN IP4 192.0.2.2");
    expect(Print.print(parsed(body))).toBe(
      bodyOf("m=audio 4 RTP/AVP 0", "i=title", "c=IN IP4 192.0.2.2", "b=AS:64", "a=x"),
    );
  });
  test("unknown lines and attributes are kept in order", () => {
    const body = bodyOf("q=1", "m=audio 4 RTP/AVP 0", "q=2", "a=zz", "a=y:", "a=zz:3");
    expect(Print.print(parsed(body))).toBe(body);
  });
});

describe("refused, with line and cause", () => {
  test.each([
    ["", 0, "no v=, o= and s= lines"],
    ["v=1\r\n", 1, "first line is not v=0"],
    ["v=0\r\ns=-\r\n", 2, "second line is not o="],
    ["v=0\r\no=- 1 IN IP4 1.2.3.4\r\n", 2, "o= is not 'user id version IN IP4|IP6 address'"],
    ["v=0\r\no=- x 1 IN IP4 1.2.3.4\r\n", 2, "o= id and version are not digits"],
    ["v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nt=0 0\r\n", 3, "third line is not s="],
    ["v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\n", 0, "no t= line"],
    [bodyOf("c=IN IP4 192.0.2.2"), 6, "second c= of a section (layered multicast)"],
    [bodyOf("s=again"), 6, "second s="],
    [bodyOf("a="), 6, "a= has no valid name"],
    [bodyOf("a=b c"), 6, "a= has no valid name"],
    [bodyOf("x"), 6, "line is not <type>=<value>"],
    [bodyOf("1=2"), 6, "line has no type letter"],
    [bodyOf("", "a=x"), 6, "empty line"],
    [bodyOf("a=x\ry"), 6, "CR without LF"],
    [bodyOf("a=x") + "a=y\r", 7, "CR without LF"],
    [bodyOf("a=\0"), 0, "description holds a NUL"],
    [bodyOf("m =audio 5 RTP/AVP 0"), 6, "line is not <type>=<value>"],
    [bodyOf("m=audio 5 RTP/AVP"), 6, "m= has no format"],
    [bodyOf("m=audio 5"), 6, "m= has no protocol"],
    [bodyOf("m= 5 RTP/AVP 0"), 6, "m= has no media type"],
    [bodyOf("m=audio  5 RTP/AVP 0"), 6, "m= port is not a number"],
    [bodyOf("m=audio 5 RTP/AVP 0  8"), 6, "m= is malformed"],
    [bodyOf("m=audio 5 RTP/AVP 128"), 6, "m= format is not a payload type of 0 ... 127"],
    [bodyOf("m=audio 5 RTP/AVP PCMU"), 6, "m= format is not a payload type of 0 ... 127"],
    [bodyOf("m=audio 5/0 RTP/AVP 0"), 6, "m= port count is not in 1 ... 65535"],
    [
      phoneBody.replace("c=IN IP4 192.0.2.10\r\n", ""),
      0,
      "a media section has no c= line",
    ],
    [bodyOf("a=" + "x".repeat(16_384)), 0, "description is too long"],
    [bodyOf(...new Array<string>(600).fill("b=AS:1")), 513, "too many lines"],
    [bodyOf(...new Array<string>(300).fill("a=x")), 262, "more than 256 attributes in a section"],
  ])("%# %j", (body, line, cause) => {
    expect(refusal(body)).toEqual({ _tag: "SdpRefused", line, cause });
  });

  test("a bad second media line is never dropped", () => {
    const body = phoneBody + "m=video 3227 RTP/AVP thirty\r\n";
    expect(refusal(body).line).toBe(18);
  });
});

describe("T19 hostile descriptions", () => {
  const media = "m=audio 4000 RTP/AVP 0 96";
  test.each([
    ["fmtp without a payload type", [media, "a=fmtp:xx annexb=no"], 7],
    ["fmtp of payload type 300", [media, "a=fmtp:300 a=b"], 7],
    ["fmtp without a value", [media, "a=fmtp"], 7],
    ["rtpmap without a name", [media, "a=rtpmap:96"], 7],
    ["rtpmap of payload type 999", [media, "a=rtpmap:999 opus/48000"], 7],
    ["rtpmap with a negative rate", [media, "a=rtpmap:96 opus/-1"], 7],
    ["rtpmap with a 2^31 clock rate", [media, `a=rtpmap:96 opus/${2 ** 31}`], 7],
    ["rtpmap with a clock rate of 0", [media, "a=rtpmap:96 opus/0"], 7],
    ["rtpmap with an endless name", [media, `a=rtpmap:96 ${"x".repeat(9_000)}/8000`], 7],
    ["port text", ["m=audio port RTP/AVP 0"], 6],
    ["a port beyond 16 bits", ["m=audio 65536 RTP/AVP 0"], 6],
    ["a negative port", ["m=audio -1 RTP/AVP 0"], 6],
    ["a port of 400 digits", [`m=audio ${"9".repeat(400)} RTP/AVP 0`], 6],
    ["ptime 0", [media, "a=ptime:0"], 7],
    ["ptime -20", [media, "a=ptime:-20"], 7],
    ["ptime of days", [media, "a=ptime:99999999999"], 7],
    ["ptime text", [media, "a=ptime:NaN"], 7],
    ["maxptime without a value", [media, "a=maxptime"], 7],
    ["rtcp port text", [media, "a=rtcp:none"], 7],
    ["rtcp port beyond 16 bits", [media, "a=rtcp:70000"], 7],
  ])("T19 %s is refused", (_, lines, line) => {
    expect(refusal(bodyOf(...lines)).line).toBe(line);
  });

  test("T19 20,000 m-lines are refused by their size at once", () => {
    const body = bodyOf(...new Array<string>(20_000).fill("m=audio 4000 RTP/AVP 0"));
    expect(refusal(body)).toEqual({
      _tag: "SdpRefused",
      line: 0,
      cause: "description is too long",
    });
  });

  test("T19 the 17th m-line is refused", () => {
    const lines = new Array<string>(17).fill("m=audio 4000 RTP/AVP 0");
    expect(refusal(bodyOf(...lines))).toMatchObject({
      line: 22,
      cause: "more than 16 media sections",
    });
    expect(parsed(bodyOf(...lines.slice(1))).media).toHaveLength(16);
  });

  test("T19 asymmetric ptime and a largest clock rate are harmless", () => {
    const body = bodyOf(media, `a=rtpmap:96 x/${2 ** 31 - 1}`, "a=ptime:10", "a=maxptime:5");
    expect(Print.print(parsed(body))).toBe(body);
  });
});
