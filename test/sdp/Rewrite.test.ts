import { Result } from "effect";
import fc from "fast-check";
import { expect, test } from "vitest";
import * as Direction from "../../src/sdp/Direction.ts";
import * as Parse from "../../src/sdp/Parse.ts";
import * as Print from "../../src/sdp/Print.ts";
import * as Rewrite from "../../src/sdp/Rewrite.ts";
import { bodyOf, phoneBody, session } from "./Generate.ts";

const us: Rewrite.Appearance = {
  origin: { username: "tandem", sessionId: "77", version: "3" },
  address: "198.51.100.7",
  port: (index) => 20_000 + 2 * index,
};
const parsed = (body: string) => Result.getOrThrow(Parse.parse(body));
const rewritten = (body: string, by = us) => Print.print(Rewrite.rewrite(parsed(body), by));

test("a phone's offer keeps its codecs and shows the relay only", () => {
  const expected = phoneBody
    .replace("alice 2890844526 2890844527 IN IP4 192.0.2.10", "tandem 77 3 IN IP4 198.51.100.7")
    .replace("c=IN IP4 192.0.2.10", "c=IN IP4 198.51.100.7")
    .replace("m=audio 49170", "m=audio 20000")
    .replace("a=rtcp:49171 IN IP4 192.0.2.10\r\n", "");
  expect(rewritten(phoneBody)).toBe(expected);
});

test("what the relay does not carry is refused, and nobody's keys or candidates pass", () => {
  const body = bodyOf(
    "a=group:BUNDLE 0",
    "m=audio 4000 RTP/SAVP 0",
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0",
    "m=image 4002 udptl t38",
    "c=IN IP4 192.0.2.1",
    "a=T38FaxVersion:0",
    "m=audio 4004/2 RTP/AVP 0",
    "m=video 4006 RTP/AVPF 31",
    "k=clear:secret",
    "a=candidate:1 1 UDP 1 192.0.2.1 4006 typ host",
    "a=rtcp-mux",
    "a=rtcp-fb:31 nack",
  );
  expect(rewritten(body)).toBe(
    bodyOf(
      "m=audio 0 RTP/SAVP 0",
      "m=image 0 udptl t38",
      "c=IN IP4 198.51.100.7",
      "a=T38FaxVersion:0",
      "m=audio 0/2 RTP/AVP 0",
      "m=video 20006 RTP/AVPF 31",
      "a=rtcp-fb:31 nack",
    ).replace("o=- 1 1 IN IP4 192.0.2.1", "o=tandem 77 3 IN IP4 198.51.100.7")
      .replace("c=IN IP4 192.0.2.1\r\nt", "c=IN IP4 198.51.100.7\r\nt"),
  );
});

test("a hold by c=0.0.0.0 becomes a hold by direction", () => {
  const old = (attribute: string) =>
    rewritten(bodyOf("m=audio 4000 RTP/AVP 0", "c=IN IP4 0.0.0.0", attribute, "a=ptime:20"));
  expect(old("a=sendrecv")).toContain("c=IN IP4 198.51.100.7\r\na=sendonly\r\na=ptime:20\r\n");
  expect(old("a=recvonly")).toContain("a=inactive\r\na=ptime:20\r\n");
  expect(old("a=x")).toContain("a=x\r\na=ptime:20\r\na=sendonly\r\n");
});

test("an IPv6 relay is written as IP6", () => {
  const text = rewritten(phoneBody, { ...us, address: "2001:db8::7" });
  expect(text).toContain("o=tandem 77 3 IN IP6 2001:db8::7\r\n");
  expect(text).toContain("c=IN IP6 2001:db8::7\r\n");
});

test("a stream without a relay port is refused", () => {
  expect(rewritten(phoneBody, { ...us, port: () => undefined })).toContain("m=audio 0 RTP/AVP 9");
});

test("rewriting keeps number, order, kind, protocol and formats of all m-lines", () => {
  fc.assert(fc.property(session, (one) => {
    const other = Rewrite.rewrite(one, us);
    expect(parsed(Print.print(other))).toEqual(other);
    expect(other.media.map(({ kind, protocol, formats }) => ({ kind, protocol, formats })))
      .toEqual(one.media.map(({ kind, protocol, formats }) => ({ kind, protocol, formats })));
    const carried = Rewrite.streams(one);
    const indices = carried.map(({ index }) => index);
    for (const [index, media] of other.media.entries()) {
      expect(media.port).toBe(indices.includes(index) ? us.port(index) : 0);
      const was = one.media[index];
      if (media.port === 0 || was === undefined) continue;
      expect(Direction.of(other, media)).toBe(Direction.of(one, was));
      const kept = ({ name }: { name: string }) => ["rtpmap", "fmtp", "ptime"].includes(name);
      expect(media.attributes.filter(kept)).toEqual(was.attributes.filter(kept));
    }
    // Rewriting what was rewritten changes nothing more.
    expect(Rewrite.rewrite(other, us)).toEqual(other);
  }));
});

test("no address or secret of the peer is left", () => {
  fc.assert(fc.property(session, (one) => {
    const other = Rewrite.rewrite(one, us);
    const hosts = [other.origin.address, other.connection, ...other.media.map((m) => m.connection)];
    expect(hosts.every((host) => host === null || host.host === us.address)).toBe(true);
    const values = [other, ...other.media].flatMap(({ attributes }) => attributes)
      .filter(({ name }) => name !== "x-other").map(({ value }) => value);
    expect(values).not.toContain("1 secret 192.0.2.99");
  }));
});

test("streams: addresses, ports, formats, ptime and direction", () => {
  expect(Rewrite.streams(parsed(phoneBody))).toEqual([{
    index: 0,
    kind: "audio",
    protocol: "RTP/AVP",
    ip: "192.0.2.10",
    rtpPort: 49170,
    rtcpIp: "192.0.2.10",
    rtcpPort: 49171,
    direction: "sendrecv",
    payloadTypes: [9, 0, 8, 18, 101],
    ptimeMs: 20,
  }]);
});

test.each([
  [["m=audio 65535 RTP/AVP 0"], { rtcpIp: "192.0.2.1", rtcpPort: 0 }],
  [["m=audio 4000 RTP/AVP 0", "a=rtcp:5"], { rtcpIp: "192.0.2.1", rtcpPort: 5 }],
  [["m=audio 4000 RTP/AVP 0", "a=rtcp:5 IN IP4 192.0.2.9"], { rtcpIp: "192.0.2.9", rtcpPort: 5 }],
  [["m=audio 4000 RTP/AVP 0", "a=rtcp:5 IN IP4 169.254.169.254"], { rtcpIp: null, rtcpPort: 5 }],
  [["m=audio 4000 RTP/AVP 0", "c=IN IP4 0.0.0.0"], { ip: null, direction: "sendonly" }],
  [["m=audio 4000 RTP/AVP 0", "c=IN IP4 224.1.1.1/9"], { ip: null, direction: "sendrecv" }],
  [["m=audio 4000 RTP/AVP 0", "c=IN IP4 phone.example"], { ip: null }],
  [["m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:DB8::0:1"], { ip: "2001:db8::1" }],
])("T29 stream of %j", (lines, expected) => {
  expect(Rewrite.streams(parsed(bodyOf(...lines)))[0]).toMatchObject(expected);
});

test("a body that we cannot carry has no streams", () => {
  const body = bodyOf("m=audio 4000 RTP/SAVP 0", "m=video 0 RTP/AVP 31", "m=image 4002 udptl t38");
  expect(Rewrite.streams(parsed(body))).toEqual([]);
});
