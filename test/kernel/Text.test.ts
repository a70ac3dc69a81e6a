import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Text from "../../src/kernel/Text.ts";

const octets = fc.uint8Array({ maxLength: 200 });
/** Text without halves of characters: those have no UTF-8. */
const people = fc.string({ unit: "binary", maxLength: 60 })
  .filter((text) => text.isWellFormed());

describe("binary strings", () => {
  test("octets come back as they were, whatever they are", () => {
    fc.assert(
      fc.property(octets, (given) => {
        const text = Text.fromBytes(given);
        expect(text).toHaveLength(given.length);
        expect(Text.toBytes(text)).toEqual(given);
      }),
      { numRuns: 1_000 },
    );
  });

  test("a part of the octets, and the array may be reused", () => {
    const given = new Uint8Array([65, 66, 200, 67]);
    const text = Text.fromBytes(given, 1, 3);
    given.fill(0);
    expect(text).toBe("B\u00c8");
  });

  test("write fills its place and nothing beside it", () => {
    fc.assert(
      fc.property(octets, fc.nat({ max: 5 }), fc.nat({ max: 5 }), (given, before, after) => {
        const target = new Uint8Array(before + given.length + after).fill(7);
        expect(Text.write(Text.fromBytes(given), target, before)).toBe(before + given.length);
        expect(target.subarray(before, before + given.length)).toEqual(given);
        expect([...target.subarray(0, before), ...target.subarray(before + given.length)])
          .toEqual(new Array(before + after).fill(7));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("text of people", () => {
  test("comes back as it was written", () => {
    fc.assert(
      fc.property(people, (text) => {
        expect(Text.decode(Text.encode(text))).toBe(text);
        expect(Text.decodeStrict(Text.encode(text))).toBe(text);
      }),
      { numRuns: 1_000 },
    );
  });

  test("octets that are no UTF-8 are replaced, or refused where that matters", () => {
    expect(Text.decode("a\u00ffb")).toBe("a\ufffdb");
    expect(Text.decodeStrict("a\u00ffb")).toBeUndefined();
    // An overlong slash.
    expect(Text.decodeStrict("\u00c0\u00af")).toBeUndefined();
    // A byte order mark is text like any other.
    expect(Text.decode("\u00ef\u00bb\u00bfa")).toBe("\ufeffa");
  });
});

describe("user parts", () => {
  test.each([
    ["1001", "1001"],
    ["+4930", "+4930"],
    ["*43", "*43"],
    ["a b", "a%20b"],
    ["#31#", "%2331%23"],
    ["ü", "%C3%BC"],
    ["a@b;c?d:e", "a%40b%3Bc%3Fd%3Ae"],
    ["%", "%25"],
    ["\r\n", "%0D%0A"],
  ])("%s is written %s", (text, escaped) => {
    expect(Text.escapeUser(text)).toBe(escaped);
  });

  test("nothing in them can end the user part or the header", () => {
    fc.assert(
      fc.property(people, (text) => {
        const escaped = Text.escapeUser(text);
        expect(escaped).toMatch(/^([A-Za-z0-9\-_.!~*'()&=+$]|%[0-9A-F]{2})*$/);
        expect(decodeURIComponent(escaped)).toBe(text);
      }),
      { numRuns: 1_000 },
    );
  });
});

test("a flat copy is the same text", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    expect(Text.flat(text)).toBe(text);
  }));
});
