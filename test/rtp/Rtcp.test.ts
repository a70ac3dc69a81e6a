import fc from "fast-check";
import { expect, test } from "vitest";
import * as Rtcp from "../../src/rtp/Rtcp.ts";

/** One RTCP packet of `words` after its header. */
const packet = (type: number, words: number, first = 0x80) => {
  const bytes = new Uint8Array(4 + 4 * words);
  bytes.set([first, type, words >> 8, words & 255]);
  return bytes;
};
const join = (...packets: ReadonlyArray<Uint8Array>) =>
  Uint8Array.from(packets.flatMap((p) => [...p]));
const faultOf = (bytes: Uint8Array) => Rtcp.fault(bytes, bytes.length);

test("compound packets of any RTCP types are valid", () => {
  const one = fc.tuple(fc.integer({ min: 192, max: 223 }), fc.integer({ min: 1, max: 9 }));
  fc.assert(fc.property(fc.array(one, { minLength: 1, maxLength: 5 }), (list) => {
    const bytes = join(...list.map(([type, words]) => packet(type, words)));
    expect(faultOf(bytes)).toBeNull();
    expect(Rtcp.isRtcp(bytes, bytes.length)).toBe(true);
    expect(Rtcp.packetType(bytes)).toBe(list[0]?.[0]);
  }));
});

test("any octets give a verdict", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
    const fault = faultOf(bytes);
    if (fault === null) expect(Rtcp.isRtcp(bytes, bytes.length)).toBe(true);
  }));
});

test.each<[string, Uint8Array, Rtcp.Fault]>([
  ["T08 four octets", packet(203, 0), "short"],
  ["T08 a first packet without SSRC", join(packet(203, 0), packet(203, 1)), "length"],
  ["version 1", packet(200, 6, 0x40), "version"],
  ["an RTP packet", Uint8Array.from([0x80, 0, ...new Uint8Array(20)]), "type"],
  ["RTP with marker", Uint8Array.from([0x80, 0x80 | 8, ...new Uint8Array(20)]), "type"],
  ["a length beyond the datagram", packet(200, 6).slice(0, 20), "length"],
  ["rubbish behind", join(packet(200, 6), Uint8Array.of(1, 2)), "length"],
  ["a bad second packet", join(packet(200, 6), packet(10, 1)), "type"],
  ["padding before the end", join(packet(200, 6, 0xa0), packet(202, 1)), "padding"],
])("%s", (_, bytes, fault) => expect(faultOf(bytes)).toBe(fault));

test("padding of the last packet is fine", () => {
  expect(faultOf(join(packet(200, 6), packet(202, 1, 0xa1)))).toBeNull();
});

test("RTCP is told from RTP by types 192 to 223", () => {
  for (let second = 0; second < 256; second++) {
    const bytes = Uint8Array.of(0x80, second, 0, 1, 0, 0, 0, 0);
    expect(Rtcp.isRtcp(bytes, 8)).toBe(second >= 192 && second <= 223);
  }
});
