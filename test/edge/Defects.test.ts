import { expect, test } from "vitest";
import * as Defects from "../../src/edge/Defects.ts";

test("one defect in a second is told, and how many there were besides", () => {
  let now = 0;
  const told: Array<string> = [];
  const report = Defects.limited(() => now, (what) => told.push(what));
  for (; now < 2_500; now += 10) report("it failed", undefined);
  expect(told).toEqual([
    "it failed",
    "it failed (and 99 more defects since the last)",
    "it failed (and 99 more defects since the last)",
  ]);
});

test("a clock that is set back silences nothing", () => {
  let now = 1_000_000;
  const told: Array<string> = [];
  const report = Defects.limited(() => now, (what) => told.push(what));
  report("first", undefined);
  now = 0;
  report("second", undefined);
  expect(told).toEqual(["first", "second"]);
});
