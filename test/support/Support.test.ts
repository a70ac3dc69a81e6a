/** The instruments of the interop suites: each must be able to say no. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { netstrings } from "./Baresip.ts";
import * as Digest from "./Digest.ts";
import * as Folders from "./Folders.ts";
import * as Goertzel from "./Goertzel.ts";
import * as Rtp from "./Rtp.ts";
import * as Sip from "./SipMessage.ts";
import * as Sipp from "./Sipp.ts";
import * as Statistics from "./Statistics.ts";
import * as Wav from "./Wav.ts";

test("a tone is found at its frequency alone, with the gap that it has", () => {
  const { samples } = Wav.sine(440, 2);
  samples.fill(0, 8_000, 8_000 + 800);
  expect(Goertzel.tone(samples, 8_000, 880)).toEqual({ spanMs: 0, longestGapMs: 0 });
  const { spanMs, longestGapMs } = Goertzel.tone(samples, 8_000, 440);
  expect(spanMs).toBe(2_000);
  // 100 ms of silence, less what the windows at its edges still hold of the tone.
  expect(longestGapMs).toBeGreaterThanOrEqual(80);
  expect(longestGapMs).toBeLessThanOrEqual(120);
});

test("a clean tone has no gap", () => {
  expect(Goertzel.tone(Wav.sine(440, 5).samples, 8_000, 440).longestGapMs).toBe(0);
});

test("noise holds no tone", () => {
  const noise = Float32Array.from({ length: 16_000 }, () => Math.random() - 0.5);
  expect(Goertzel.tone(noise, 8_000, 440).spanMs).toBe(0);
});

test("G.711 mu-law comes back within its step, a tone survives it", () => {
  const { samples } = Wav.sine(880, 1);
  const coded = Float32Array.from(samples, (sample) => Rtp.decode(Rtp.encode(sample)));
  samples.forEach((sample, index) => expect(coded[index]).toBeCloseTo(sample, 1));
  expect(Goertzel.tone(coded, 8_000, 880).spanMs).toBe(1_000);
});

test("samples of one distribution pass the KS test, shifted ones do not", () => {
  const draw = (shift: number) =>
    Array.from({ length: 1_000 }, (_, index) => (index * 0.618_034) % 1 + shift);
  expect(Statistics.pValue(draw(0), draw(0.001))).toBeGreaterThan(0.01);
  expect(Statistics.pValue(draw(0), draw(0.1))).toBeLessThan(0.01);
  // Kolmogorov's critical value for 1 % and n = m = 1,000 is 1.628 * sqrt(2 / 1000) = 0.0728.
  const near = (distance: number) => draw(0).map((value) => value + distance);
  expect(Statistics.pValue(draw(0), near(0.065))).toBeGreaterThan(0.01);
  expect(Statistics.pValue(draw(0), near(0.08))).toBeLessThan(0.01);
});

test("digest answers are those of RFC 7616 section 3.9.1", () => {
  const answer = (algorithm: string) =>
    Digest.answer(
      Digest.parse(
        `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, ` +
          `nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe"`,
        "Authorization",
      ),
      { username: "Mufasa", secret: "Circle of Life" },
      {
        method: "GET",
        uri: "/dir/index.html",
        cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
      },
    );
  expect(answer("MD5")).toContain('response="8ca523f5e9506fed4657c9700eebdbec"');
  expect(answer("SHA-256")).toContain(
    'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"',
  );
});

test("messages are read with folded lines, compact names and tags", () => {
  const text = "SIP/2.0 200 OK\r\nv: a\r\nVia: b\r\nt: <sip:x@y>\r\n ;tag=9\r\nl: 2\r\n\r\nhi";
  const message = Sip.parse(text, { ip: "", port: 0 }, 0);
  expect(message.status).toBe(200);
  expect(Sip.all(message, "Via")).toEqual(["a", "b"]);
  expect(Sip.tagOf(Sip.header(message, "to"))).toBe("9");
  expect(message.body).toBe("hi");
});

test("netstrings are cut wherever the stream was cut", () => {
  const found: Array<string> = [];
  const read = netstrings((text) => found.push(text));
  for (const character of "2:ab,0:,5:c:d,e,") read(character);
  expect(found).toEqual(["ab", "", "c:d,e"]);
});

test("a scenario without a value that it needs is refused", () => {
  expect(() => Sipp.expand("uac-refused", { domain: "x" })).toThrow(/needs a value for code/);
  expect(Sipp.expand("uac-refused", { domain: "x", code: 486 })).toContain('response="486"');
});

test("a wav file is read as it was written", () => {
  const file = join(Folders.make("wav"), "tone.wav");
  const { samples } = Wav.sine(440, 1);
  Wav.write(file, { rate: 8_000, samples });
  const back = Wav.read(file);
  expect(back.rate).toBe(8_000);
  expect(back.samples.length).toBe(samples.length);
  samples.forEach((sample, index) => expect(back.samples[index]).toBeCloseTo(sample, 3));
});
