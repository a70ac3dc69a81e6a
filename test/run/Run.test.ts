/** The runner's arithmetic: what is not a clean pass must not look like one. */
import { expect, test } from "vitest";
import * as Outcome from "./Outcome.ts";
import * as Vitest from "./Vitest.ts";

const report = (
  cases: ReadonlyArray<readonly [status: string, name: string]>,
  status = "passed",
) => ({
  success: status === "passed",
  testResults: [{
    name: "a.test.ts",
    status,
    message: "",
    assertionResults: cases.map(([status, fullName]) => ({ status, fullName })),
  }],
});

test("cases are counted, a skipped one by what it misses", () => {
  const cases = [["passed", "a"], ["failed", "b"], [
    "skipped",
    "c (skipped: no baresip) d",
  ]] as const;
  const outcome = Vitest.count(1, report(cases, "failed"), "");
  expect([outcome.passed, outcome.failed]).toEqual([1, 1]);
  expect(outcome.skipped).toEqual(["no baresip"]);
});

test("a file that breaks outside its tests is a failure", () => {
  expect(Vitest.count(1, report([], "failed"), "").failed).toBe(1);
});

test("cases that did not run because what they need broke are failures", () => {
  const cases = [["skipped", "a"], ["skipped", "b"], ["skipped", "c (skipped: no sipp)"]] as const;
  const outcome = Vitest.count(1, report(cases, "failed"), "");
  expect([outcome.failed, outcome.skipped.length]).toEqual([2, 1]);
});

test("a run that ends badly though every test passed is a failure", () => {
  expect(Vitest.count(1, report([["passed", "a"]]), "").failed).toBe(1);
});

test("a run without a report is a failure", () => {
  expect(Vitest.count(0, undefined, "crashed").failed).toBe(1);
});

test("in CI a skipped case is a failure", () => {
  const outcome = Outcome.strict(Outcome.skipped("no corpus"));
  expect([outcome.failed, outcome.skipped.length]).toEqual([1, 0]);
  expect(outcome.details).toContain("no corpus");
});
