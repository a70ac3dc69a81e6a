import fc from "fast-check";
import { expect, test } from "vitest";
import * as Glob from "../../src/kernel/Glob.ts";

/** The same by a regular expression. */
const expected = (glob: string, text: string): boolean => {
  const pattern = Array.from(
    glob,
    (symbol) =>
      symbol === "*" ? "[^]*" : symbol === "?" ? "[^]" : symbol.replace(/[\\^$.|+()[\]{}]/, "\\$&"),
  );
  return new RegExp(`^${pattern.join("")}$`).test(text);
};

test.each([
  ["0*", "0301234", true],
  ["0*", "0", true],
  ["0*", "10", false],
  ["00*", "0301234", false],
  ["1???", "1001", true],
  ["1???", "10011", false],
  ["*", "", true],
  ["", "", true],
  ["", "1", false],
  ["?", "", false],
  ["*7", "777", true],
  ["*1*2", "31122", true],
  ["+49.", "+49.", true],
  ["+49.", "+491", false],
  ["[0-9]", "5", false],
])("%s over %s: %s", (glob, text, matches) => {
  expect(Glob.matches(glob, text)).toBe(matches);
});

test("it says what a regular expression says", () => {
  const symbols = fc.constantFrom("*", "?", "a", "b", ".", "+", "[", "\\");
  const glob = fc.array(symbols, { maxLength: 8 }).map((parts) => parts.join(""));
  const letters = fc.constantFrom("a", "b", ".", "+", "[", "\\", "*", "?");
  const text = fc.array(letters, { maxLength: 12 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(glob, text, (glob, text) => {
      expect(Glob.matches(glob, text)).toBe(expected(glob, text));
    }),
    { numRuns: 5_000 },
  );
});

test("the worst glob costs no more than its length times the text's", () => {
  let reads = 0;
  const text = new Proxy(Object("a".repeat(256)), {
    get: (target, key) => {
      if (key !== "length") reads++;
      return target[key];
    },
  });
  const glob = "*".repeat(28) + "a".repeat(128) + "*".repeat(28) + "a".repeat(64) + "b";
  expect(Glob.matches(glob, text)).toBe(false);
  expect(reads).toBeGreaterThan(256);
  expect(reads).toBeLessThanOrEqual(3 * glob.length * 256);
});
