import { expect, test } from "vitest";
import { fold } from "../../src/kernel/Decider.ts";

test("fold applies events in order", () => {
  expect(fold({ evolve: (s: string, e: string) => s + e }, "", ["a", "b"])).toBe("ab");
});
