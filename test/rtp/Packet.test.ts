import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Packet from "../../src/rtp/Packet.ts";

interface Parts {
  readonly csrcs: number;
  readonly extension: number | null;
  readonly payload: number;
  readonly padding: number;
}

/** A packet in a buffer that is longer than it, filled with noise behind. */
const packet = ({ csrcs, extension, payload, padding }: Parts) => {
  const header = 12 + 4 * csrcs + (extension === null ? 0 : 4 + 4 * extension);
  const length = header + payload + padding;
  const bytes = new Uint8Array(length + 9).fill(0xee);
  bytes[0] = 0x80 | (padding > 0 ? 0x20 : 0) | (extension === null ? 0 : 0x10) | csrcs;
  if (extension !== null) {
    bytes[12 + 4 * csrcs + 2] = extension >> 8;
    bytes[12 + 4 * csrcs + 3] = extension & 255;
  }
  if (padding > 0) bytes[length - 1] = padding;
  return { bytes, length, header };
};

const parts = fc.record({
  csrcs: fc.integer({ min: 0, max: 15 }),
  extension: fc.option(fc.integer({ min: 0, max: 20 })),
  payload: fc.integer({ min: 0, max: 300 }),
  padding: fc.integer({ min: 0, max: 255 }),
});

test("a whole packet is valid, its payload is found", () => {
  fc.assert(fc.property(parts, (one) => {
    const { bytes, length, header } = packet(one);
    expect(Packet.fault(bytes, length)).toBeNull();
    expect(Packet.payloadOffset(bytes)).toBe(header);
    expect(Packet.payloadLength(bytes, length)).toBe(one.payload);
  }));
});

test("a packet cut within its header is not", () => {
  fc.assert(fc.property(parts, fc.nat(), (one, cut) => {
    const { bytes, header } = packet({ ...one, padding: 0 });
    expect(Packet.fault(bytes, cut % header)).not.toBeNull();
  }));
});

test("any octets give a verdict, and a valid packet has its payload inside", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, force) => {
    if (force && bytes.length > 0) bytes[0] = 0x80 | ((bytes[0] ?? 0) & 0x3f);
    if (Packet.fault(bytes, bytes.length) !== null) return;
    expect(Packet.payloadLength(bytes, bytes.length)).toBeGreaterThanOrEqual(0);
    expect(Packet.payloadOffset(bytes)).toBeLessThanOrEqual(bytes.length);
  }));
});

describe("faults", () => {
  const valid = { csrcs: 0, extension: null, payload: 20, padding: 0 };
  const faultOf = (change: (bytes: Uint8Array, length: number) => void, length?: number) => {
    const made = packet(valid);
    change(made.bytes, made.length);
    return Packet.fault(made.bytes, length ?? made.length);
  };
  test.each<[Packet.Fault, (bytes: Uint8Array, length: number) => void, number?]>([
    ["short", () => {}, 11],
    ["short", () => {}, 0],
    ["version", (bytes) => bytes[0] = 0x40],
    ["version", (bytes) => bytes[0] = 0xc0],
    ["csrc", (bytes) => bytes[0] = 0x8f],
    ["extension", (bytes) => bytes.set([0xff, 0xff], (bytes[0] = 0x90, 14))],
    ["extension", (bytes) => bytes[0] = 0x95],
    ["padding", (bytes, length) => bytes[length - 1] = (bytes[0] = 0xa0, 0)],
    ["padding", (bytes, length) => bytes[length - 1] = (bytes[0] = 0xa0, 21)],
  ])("%s", (fault, change, length) => expect(faultOf(change, length)).toBe(fault));
});

test("what is written is read", () => {
  const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  const half = fc.integer({ min: 0, max: 65_535 });
  const type = fc.integer({ min: 0, max: 127 });
  fc.assert(
    fc.property(type, fc.boolean(), half, word, word, (pt, marked, sequence, time, source) => {
      const bytes = new Uint8Array(12);
      Packet.write(bytes, pt, marked, sequence, time, source);
      expect(Packet.fault(bytes, 12)).toBeNull();
      expect(Packet.payloadType(bytes)).toBe(pt);
      expect(Packet.marker(bytes)).toBe(marked);
      expect(Packet.sequence(bytes)).toBe(sequence);
      expect(Packet.timestamp(bytes)).toBe(time);
      expect(Packet.ssrc(bytes)).toBe(source);
      Packet.writeSsrc(bytes, 0xdeadbeef);
      expect([Packet.ssrc(bytes), Packet.timestamp(bytes)]).toEqual([0xdeadbeef, time]);
    }),
  );
});
