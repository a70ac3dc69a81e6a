import fc from "fast-check";
import { expect, test } from "vitest";
import * as Base32 from "../../src/kernel/Base32.ts";

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/** RFC 4648 section 10, in lower case and without padding. */
test.each([
  ["", ""],
  ["f", "my"],
  ["fo", "mzxq"],
  ["foo", "mzxw6"],
  ["foob", "mzxw6yq"],
  ["fooba", "mzxw6ytb"],
  ["foobar", "mzxw6ytboi"],
])("%s is %s", (text, encoded) => {
  expect(Base32.encode(ascii(text))).toBe(encoded);
  expect(Base32.decode(encoded)).toEqual(ascii(text));
});

test("what is encoded is decoded", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (octets) => {
      const text = Base32.encode(octets);
      expect(text).toMatch(/^[a-z2-7]*$/);
      expect(Base32.decode(text)).toEqual(octets);
    }),
  );
});

test("one text for the same octets: whatever decodes is what encoding gives", () => {
  const letters = fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz234567");
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 20 }), (parts) => {
      const text = parts.join("");
      const octets = Base32.decode(text);
      if (octets !== undefined) expect(Base32.encode(octets)).toBe(text);
    }),
    { numRuns: 1_000 },
  );
});

test.each(["a", "mzx", "mzxw6y", "mz", "MY", "m1", "my=", "my ", "mü", "m\u0179", "m0", "8y"])(
  "%s is no base32 of ours",
  (text) => {
    expect(Base32.decode(text)).toBeUndefined();
  },
);
