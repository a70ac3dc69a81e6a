import { Result } from "effect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Answer from "../../src/sdp/Answer.ts";
import * as Direction from "../../src/sdp/Direction.ts";
import * as Parse from "../../src/sdp/Parse.ts";
import * as Print from "../../src/sdp/Print.ts";
import { bodyOf, phoneBody, session } from "./Generate.ts";

const us = {
  origin: { username: "-", sessionId: "7", version: "1" },
  address: "198.51.100.7",
  port: () => 20_000,
};
const parsed = (body: string) => Result.getOrThrow(Parse.parse(body));
const answer = (feature: Answer.Feature, body: string) => {
  const made = Answer.answer(parsed(body), feature, us);
  return made === undefined ? undefined : Print.print(made);
};

const head = "v=0\r\no=- 7 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n";
const lines = (...parts: ReadonlyArray<string>) => head + parts.join("\r\n") + "\r\n";

test("the echo accepts every codec of the offer and digits", () => {
  expect(answer("echo", phoneBody)).toBe(
    lines(
      "m=audio 20000 RTP/AVP 9 0 8 18 101",
      "a=rtpmap:9 G722/8000",
      "a=rtpmap:0 PCMU/8000",
      "a=rtpmap:8 PCMA/8000",
      "a=rtpmap:18 G729/8000",
      "a=fmtp:18 annexb=no",
      "a=rtpmap:101 telephone-event/8000",
      "a=fmtp:101 0-16",
      "a=ptime:20",
      "a=sendrecv",
    ),
  );
});

test("the tone accepts PCMU and PCMA and digits alone, in the offered order", () => {
  const offer = bodyOf(
    "m=audio 4000 RTP/AVP 9 8 0 13 97",
    "a=rtpmap:97 telephone-event/8000",
    "a=fmtp:97 0-15",
    "a=fmtp:9 x",
    "a=ptime:60",
  );
  expect(answer("tone", offer)).toBe(
    lines(
      "m=audio 20000 RTP/AVP 8 0 97",
      "a=rtpmap:97 telephone-event/8000",
      "a=fmtp:97 0-15",
      "a=ptime:20",
      "a=sendrecv",
    ),
  );
  expect(Answer.tonePayloadType(parsed(offer))).toBe(8);
});

test("other m-lines are refused with port 0, in order, formats kept", () => {
  const offer = bodyOf(
    "m=video 4000 RTP/AVP 31 34",
    "m=audio 0 RTP/AVP 0",
    "m=audio 4002 RTP/AVP 0",
    "a=mid:a",
    "m=audio 4004 RTP/AVP 0",
    "m=image 4006 udptl t38",
  );
  expect(answer("echo", offer)).toBe(
    lines(
      "m=video 0 RTP/AVP 31 34",
      "m=audio 0 RTP/AVP 0",
      "m=audio 20000 RTP/AVP 0",
      "a=mid:a",
      "a=sendrecv",
      "m=audio 0 RTP/AVP 0",
      "m=image 0 udptl t38",
    ),
  );
  expect(Answer.streamOf(parsed(offer), "echo")).toBe(2);
});

describe("no usable codec", () => {
  test.each<[Answer.Feature, ReadonlyArray<string>]>([
    ["tone", ["m=audio 4000 RTP/AVP 9 18"]],
    ["tone", ["m=audio 4000 RTP/AVP 0", "a=rtpmap:0 L16/8000"]],
    ["tone", ["m=audio 4000 RTP/AVP 96", "a=rtpmap:96 PCMU/16000"]],
    ["echo", ["m=audio 4000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"]],
    ["echo", ["m=audio 4000 RTP/AVP 96"]],
    ["echo", ["m=audio 4000 RTP/SAVP 0"]],
    ["echo", ["m=audio 0 RTP/AVP 0"]],
    ["echo", ["m=video 4000 RTP/AVP 31"]],
    ["echo", []],
  ])("%s: %j", (feature, offer) => {
    expect(answer(feature, bodyOf(...offer))).toBeUndefined();
    expect(Answer.streamOf(parsed(bodyOf(...offer)), feature)).toBeUndefined();
  });
});

test.each([
  ["a=sendonly", "a=recvonly"],
  ["a=recvonly", "a=sendonly"],
  ["a=inactive", "a=inactive"],
  ["c=IN IP4 0.0.0.0", "a=recvonly"],
])("offered %s, answered %s", (offered, answered) => {
  expect(answer("echo", bodyOf("m=audio 4000 RTP/AVP 0", offered))).toBe(
    lines("m=audio 20000 RTP/AVP 0", answered),
  );
});

test("t= of the answer is that of the offer", () => {
  const offer = bodyOf("m=audio 4000 RTP/AVP 0").replace("t=0 0", "t=5 9\r\nr=1 2 3");
  expect(answer("echo", offer)).toContain("\r\nt=5 9\r\nr=1 2 3\r\nm=");
});

test("an answer is valid for any offer (RFC 3264 section 6)", () => {
  const feature = fc.constantFrom<Answer.Feature>("echo", "tone");
  let answered = 0;
  fc.assert(
    fc.property(session, feature, (offer, kind) => {
      const made = Answer.answer(offer, kind, us);
      expect(made === undefined).toBe(Answer.streamOf(offer, kind) === undefined);
      if (made === undefined) return;
      answered++;
      expect(Answer.fault(offer, made)).toBeUndefined();
      expect(parsed(Print.print(made))).toEqual(made);
      expect(made.media.filter(({ port }) => port !== 0)).toHaveLength(1);
      for (const [index, media] of made.media.entries()) {
        const offered = offer.media[index];
        if (offered === undefined) throw new Error("too many m-lines");
        expect(media.protocol).toBe(offered.protocol);
        expect(media.formats.length).toBeGreaterThan(0);
        expect(offered.formats).toEqual(expect.arrayContaining([...media.formats]));
        if (media.port === 0) continue;
        const way = Direction.of(made, media);
        expect(Direction.answer(Direction.of(offer, offered), way)).toBe(way);
      }
    }),
    { numRuns: 1_000 },
  );
  expect(answered).toBeGreaterThan(50);
});

test("our own offers are answerable, and the tone's codec is read from the answer", () => {
  for (const feature of ["echo", "tone"] as const) {
    const offer = Answer.offer(feature, us);
    if (offer === undefined) throw new Error("no offer");
    expect(parsed(Print.print(offer))).toEqual(offer);
    expect(Answer.streamOf(offer, feature)).toBe(0);
    const reply = Answer.answer(offer, feature, { ...us, address: "192.0.2.1" });
    expect(reply && Answer.fault(offer, reply)).toBeUndefined();
    expect(reply && Answer.tonePayloadType(reply)).toBe(0);
  }
  expect(Answer.offer("echo", { ...us, port: () => undefined })).toBeUndefined();
});

test.each([
  [["m=audio 4000 RTP/AVP 0"], ["m=audio 4000 RTP/AVP 0", "m=audio 1 RTP/AVP 0"], "another number"],
  [["m=audio 4000 RTP/AVP 0"], ["m=video 4000 RTP/AVP 31"], "changes a media type"],
  [["m=audio 0 RTP/AVP 0"], ["m=audio 4000 RTP/AVP 0"], "revives"],
])("%j cannot be answered by %j", (offer, reply, cause) => {
  expect(Answer.fault(parsed(bodyOf(...offer)), parsed(bodyOf(...reply)))).toContain(cause);
});
