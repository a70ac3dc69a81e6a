import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Base32 from "../../src/kernel/Base32.ts";
import * as RoutingTag from "../../src/kernel/RoutingTag.ts";

const octets = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });
const digits = fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz0123456789");

const tag: fc.Arbitrary<RoutingTag.RoutingTag> = fc.record({
  cell: fc.array(digits, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("")),
  shard: fc.integer({ min: 0, max: 255 }),
  call: octets(10).map(Base32.encode),
  leg: fc.integer({ min: 0, max: 127 }),
  fork: fc.boolean(),
});

const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const only = (fill: number): RoutingTag.RoutingKeys => ({ current: key(fill), previous: null });
const some: RoutingTag.RoutingTag = {
  cell: "a",
  shard: 17,
  call: Base32.encode(new Uint8Array(10).fill(3)),
  leg: 2,
  fork: false,
};
const salt = new Uint8Array(5);

describe("a tag that we minted", () => {
  test("is read as it was minted, and fits a token", () => {
    fc.assert(
      fc.property(tag, octets(32), octets(5), (one, current, salt) => {
        const keys = { current, previous: null };
        const text = RoutingTag.mint(keys, one, salt);
        expect(text).toMatch(/^[a-z2-7]{40}$/);
        expect(RoutingTag.read(keys, text)).toEqual(one);
      }),
      { numRuns: 1_000 },
    );
  });

  test("is read under the previous key too, and under no older one", () => {
    const text = RoutingTag.mint(only(1), some, salt);
    expect(RoutingTag.read({ current: key(2), previous: key(1) }, text)).toEqual(some);
    expect(RoutingTag.read({ current: key(3), previous: key(2) }, text)).toBeUndefined();
    expect(RoutingTag.read(only(2), text)).toBeUndefined();
  });

  test("is minted under the current key alone", () => {
    const text = RoutingTag.mint({ current: key(2), previous: key(1) }, some, salt);
    expect(RoutingTag.read(only(2), text)).toEqual(some);
    expect(RoutingTag.read(only(1), text)).toBeUndefined();
  });

  test("tells nothing of the tags of the other legs: the salt differs", () => {
    const other = RoutingTag.mint(only(1), some, salt.map(() => 1));
    expect(other).not.toBe(RoutingTag.mint(only(1), some, salt));
  });
});

describe("a tag that is not ours", () => {
  test("any changed character", () => {
    const letters = "abcdefghijklmnopqrstuvwxyz234567";
    fc.assert(
      fc.property(tag, fc.nat({ max: 39 }), fc.nat({ max: 30 }), (one, place, turn) => {
        const text = RoutingTag.mint(only(1), one, salt);
        const now = letters.indexOf(text[place]!);
        const changed = letters[(now + 1 + turn) % 32]!;
        const forged = text.slice(0, place) + changed + text.slice(place + 1);
        expect(RoutingTag.read(only(1), forged)).toBeUndefined();
      }),
      { numRuns: 1_000 },
    );
  });

  test("anything else", () => {
    const text = RoutingTag.mint(only(1), some, salt);
    const others = ["", text.slice(1), `${text}a`, text.toUpperCase(), "a".repeat(40)];
    for (const other of others) expect(RoutingTag.read(only(1), other)).toBeUndefined();
    fc.assert(
      fc.property(fc.string({ maxLength: 50 }), (other) => {
        expect(RoutingTag.read(only(1), other)).toBeUndefined();
      }),
    );
  });
});

test.each([
  ["a call token of another length", { ...some, call: "aaaa" }, salt],
  ["a call token that is no base32", { ...some, call: "!".repeat(16) }, salt],
  ["a salt of another length", some, new Uint8Array(4)],
])("%s is a defect of the caller", (_what, one, salt) => {
  expect(() => RoutingTag.mint(only(1), one, salt)).toThrow(RangeError);
});

describe("the token of a call before any tag of ours", () => {
  test("is the same for a retransmission, and another for any other INVITE", () => {
    const token = (callId: string, fromTag: string, cseq: number) =>
      RoutingTag.callToken(key(1), callId, fromTag, cseq);
    expect(token("c", "f", 1)).toBe(token("c", "f", 1));
    expect(token("c", "f", 1)).toMatch(/^[a-z2-7]{16}$/);
    const others = [token("d", "f", 1), token("c", "g", 1), token("c", "f", 2), token("cf", "", 1)];
    expect(new Set([token("c", "f", 1), ...others]).size).toBe(5);
    expect(RoutingTag.callToken(key(2), "c", "f", 1)).not.toBe(token("c", "f", 1));
  });
});
