import { Result } from "effect";
import fc from "fast-check";
import { expect, test } from "vitest";
import * as Direction from "../../src/sdp/Direction.ts";
import * as Parse from "../../src/sdp/Parse.ts";
import { bodyOf } from "./Generate.ts";

const parsed = (...lines: ReadonlyArray<string>) =>
  Result.getOrThrow(Parse.parse(bodyOf(...lines)));
const of = (...lines: ReadonlyArray<string>) => {
  const session = parsed(...lines);
  const [media] = session.media;
  return media === undefined ? undefined : Direction.of(session, media);
};
const audio = "m=audio 4000 RTP/AVP 0";
const zero = "c=IN IP4 0.0.0.0";

test.each([
  [[audio], "sendrecv"],
  [["a=sendonly", audio], "sendonly"],
  [["a=sendonly", audio, "a=recvonly"], "recvonly"],
  [["m=audio 0 RTP/AVP 0", "a=sendrecv"], "inactive"],
  // Old hold (RFC 3264 section 8.4): never "receives".
  [[audio, zero], "sendonly"],
  [[audio, zero, "a=sendrecv"], "sendonly"],
  [[audio, zero, "a=sendonly"], "sendonly"],
  [[audio, zero, "a=recvonly"], "inactive"],
  [[audio, zero, "a=inactive"], "inactive"],
  [[audio, "c=IN IP6 ::", "a=sendrecv"], "sendonly"],
])("%j is %s", (lines, direction) => expect(of(...lines)).toBe(direction));

test("c=0.0.0.0 of the session is a hold of streams without their own c=", () => {
  const body = bodyOf(audio, "m=audio 4002 RTP/AVP 0", "c=IN IP4 192.0.2.3")
    .replace("c=IN IP4 192.0.2.1", zero);
  const session = Result.getOrThrow(Parse.parse(body));
  expect(session.media.map((media) => Direction.of(session, media))).toEqual([
    "sendonly",
    "sendrecv",
  ]);
  expect(Direction.isHold(session)).toBe(false);
});

test("isHold: no live stream receives", () => {
  expect(Direction.isHold(parsed(audio, "a=sendonly"))).toBe(true);
  expect(Direction.isHold(parsed(audio, "a=inactive", "m=video 0 RTP/AVP 31"))).toBe(true);
  expect(Direction.isHold(parsed(audio, "a=sendonly", "m=video 4002 RTP/AVP 31"))).toBe(false);
  expect(Direction.isHold(parsed("m=audio 0 RTP/AVP 0"))).toBe(false);
});

const direction = fc.constantFrom<Direction.Direction>(
  "sendrecv",
  "sendonly",
  "recvonly",
  "inactive",
);

test("an answer sends only what the offerer receives, and the reverse", () => {
  fc.assert(fc.property(direction, direction, (offered, willing) => {
    const answer = Direction.answer(offered, willing);
    expect(Direction.sends(answer)).toBe(Direction.receives(offered) && Direction.sends(willing));
    expect(Direction.receives(answer)).toBe(
      Direction.sends(offered) && Direction.receives(willing),
    );
    expect(Direction.answer(offered, "sendrecv")).toBe(Direction.reverse(offered));
    expect(Direction.reverse(Direction.reverse(offered))).toBe(offered);
  }));
});
