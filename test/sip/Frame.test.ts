import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Frame from "../../src/sip/Frame.ts";
import * as Limits from "../../src/sip/Limits.ts";
import * as Text from "../../src/kernel/Text.ts";
import { invite } from "./samples.ts";

const withBody = (body: string, callId = "c1"): string =>
  invite({ "Call-ID": callId, "Content-Length": String(body.length) }, [], body);

/** Outputs as text: call ids and bodies of messages, pings, and why the stream broke. */
const shown = (outputs: ReadonlyArray<Frame.Output>): ReadonlyArray<string> =>
  outputs.map((output) =>
    output.kind === "message"
      ? `${output.message.callId} ${output.message.body}`
      : output.kind === "ping"
      ? "ping"
      : `broken ${output.malformed.status} ${output.malformed.reason}`
  );

/** Pings in a row count as one, as they do within a chunk. */
const coalesced = (all: ReadonlyArray<string>): ReadonlyArray<string> =>
  all.filter((one, i) => one !== "ping" || all[i - 1] !== "ping");

/** What comes out when the stream arrives in chunks of these sizes, in turn. */
const framed = (stream: string, sizes: ReadonlyArray<number>, limits?: Limits.Limits) => {
  const framer = Frame.make(limits);
  const octets = Text.toBytes(stream);
  const outputs: Array<string> = [];
  for (let from = 0, turn = 0; from < octets.length; turn++) {
    const chunk = octets.slice(from, from + sizes[turn % sizes.length]!);
    from += chunk.length;
    outputs.push(...shown(framer.push(chunk)));
    chunk.fill(0);
  }
  return { outputs: coalesced(outputs), framer };
};

const whole = (stream: string, limits?: Limits.Limits) =>
  framed(stream, [stream.length || 1], limits).outputs;

test("messages are cut by Content-Length", () => {
  expect(whole(withBody("one", "a") + withBody("", "b") + withBody("three", "c"))).toEqual([
    "a one",
    "b ",
    "c three",
  ]);
});

test("two line ends are a ping, one before a message is ignored", () => {
  expect(whole("\r\n\r\n")).toEqual(["ping"]);
  expect(whole("\r\n")).toEqual([]);
  expect(whole(`\r\n${withBody("x", "a")}\r\n\r\n${withBody("y", "b")}`)).toEqual([
    "a x",
    "ping",
    "b y",
  ]);
  const framer = Frame.make();
  expect(framer.push(Text.toBytes("\r\n".repeat(20)))).toEqual([{ kind: "ping" }]);
});

test("pending tells a message in the making from an idle connection", () => {
  const framer = Frame.make();
  const octets = Text.toBytes(withBody("body"));
  expect(framer.pending()).toBe(false);
  framer.push(octets.slice(0, 10));
  expect(framer.pending()).toBe(true);
  framer.push(octets.slice(10, -1));
  expect(framer.pending()).toBe(true);
  framer.push(octets.slice(-1));
  expect(framer.pending()).toBe(false);
  framer.push(Text.toBytes("\r\n"));
  expect(framer.pending()).toBe(false);
});

test("what comes out does not depend on how the stream was cut", () => {
  const part = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }).map((text) => withBody(Text.encode(text), "m")),
    fc.constantFrom("\r\n", "\r\n\r\n", withBody("\r\n\r\n", "n"), withBody("", "o")),
    fc.constantFrom("junk\r\n\r\n", "INVITE sip:a SIP/2.0\r\nA: b\r\n\r\n", "\n", "\r"),
  );
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 }),
      (parts, sizes) => {
        const stream = parts.join("");
        expect(framed(stream, sizes).outputs).toEqual(whole(stream));
      },
    ),
    { numRuns: 300 },
  );
});

describe("T16: no message is ever parsed out of a body", () => {
  const inner = withBody("", "smuggled");
  const broken: ReadonlyArray<readonly [string, string | undefined, RegExp]> = [
    ["2^32 + 32", "4294967328", /not a number/],
    ["2^31", "2147483648", /not a number/],
    ["2^64 + 5", "18446744073709551621", /not a number/],
    ["larger than the limit", "999999999", /body of more/],
    ["-1", "-1", /not a number/],
    ["empty", "", /not a number/],
    ["hexadecimal", "0x20", /not a number/],
    ["two values in one header", "0, 32", /not a number/],
    ["missing", undefined, /no Content-Length/],
  ];
  for (const [what, value, cause] of broken) {
    test(`T16: ${what}: the stream is broken, with the cause and an answer`, () => {
      const text = invite({ "Content-Length": value }, [], inner) + inner;
      for (const sizes of [[text.length], [1], [7, 100]]) {
        const framer = Frame.make();
        const outputs = framed(text, sizes).outputs;
        expect(outputs).toHaveLength(1);
        expect(outputs[0]).toMatch(/^broken 4/);
        expect(outputs[0]).toMatch(cause);
        const [output] = framer.push(Text.toBytes(text));
        expect(output?.kind === "broken" && output.malformed.reply?.callId).toBe("c1@192.0.2.1");
        expect(framer.push(Text.toBytes(inner))).toEqual([]);
      }
    });
  }
  for (const second of ["Content-Length: 0", "content-length : 3", "l: 3", "L:\r\n 3"]) {
    test(`T16: a second ${JSON.stringify(second)} is refused, equal or not`, () => {
      for (const value of ["3", "0"]) {
        const text = invite({ "Content-Length": value }, [second], "abc") + inner;
        expect(whole(text)).toEqual(["broken 400 more than one Content-Length"]);
      }
    });
  }
  test("T16: a body that looks like a message is a body", () => {
    expect(whole(withBody(inner, "outer"))).toEqual([`outer ${inner}`]);
  });
  test("T16: a length larger than the body waits, and takes what comes", () => {
    const text = invite({ "Call-ID": "o", "Content-Length": "9999" }, [], inner);
    const { framer, outputs } = framed(text, [50]);
    expect(outputs).toEqual([]);
    expect(framer.pending()).toBe(true);
  });
});

describe("a stream that cannot be read is closed", () => {
  test("headers without an end", () => {
    const text = `INVITE sip:a SIP/2.0\r\n${"A: b\r\n".repeat(6_000)}`;
    for (const sizes of [[1], [1_000], [text.length]]) {
      expect(framed(text, sizes).outputs).toEqual(["broken 513 headers of more than 32768 octets"]);
    }
  });
  test("octets without a line end", () => {
    expect(whole("x".repeat(40_000))).toEqual(["broken 513 headers of more than 32768 octets"]);
  });
  test("line ends of LF alone", () => {
    const text = withBody("").replaceAll("\r\n", "\n");
    expect(whole(text + "\r\n\r\n")[0]).toMatch(/^broken 400/);
  });
});

test("a slow sender costs no more than a fast one: the time grows with the octets", () => {
  const time = (length: number): number => {
    const limits = { ...Limits.defaults, head: 10 * length };
    const octets = Text.toBytes(`INVITE sip:a SIP/2.0\r\nA: ${"b".repeat(length)}`);
    const framer = Frame.make(limits);
    const begin = performance.now();
    for (let i = 0; i < octets.length; i++) framer.push(octets.subarray(i, i + 1));
    return performance.now() - begin;
  };
  time(20_000);
  const short = Math.min(...[0, 1, 2].map(() => time(20_000)));
  const long = Math.min(...[0, 1, 2].map(() => time(320_000)));
  // Sixteen times the octets: 256 times the time if each chunk were scanned from the start.
  expect(long / short).toBeLessThan(100);
});
