/** Time as calls see it, while somebody sets the clock of the machine. */
import fc from "fast-check";
import { expect, test } from "vitest";
import * as Environment from "../../src/role/Environment.ts";

/** A clock to set, beside one that only runs. */
const machine = () => {
  let [wall, monotonic] = [1_700_000_000_000, 5_000];
  const now = Environment.steady(() => wall, () => monotonic);
  return {
    now,
    wall: () => wall,
    pass: (ms: number) => {
      wall += ms;
      monotonic += ms;
      return now();
    },
    set: (byMs: number) => (wall += byMs),
  };
};

test("a clock that nobody sets is the wall clock", () => {
  const { now, pass, wall } = machine();
  for (let n = 0; n < 1_000; n += 1) pass(n % 7);
  expect(now()).toBe(wall());
});

test.for([3_600_000, -3_600_000])("a clock set by %i ms is followed, without a leap", (byMs) => {
  const { now, pass, set, wall } = machine();
  const before = now();
  set(byMs);
  expect(Math.abs(pass(1_000) - before - 1_000)).toBeLessThanOrEqual(101);
  expect(Math.abs(pass(60_000) - before - 61_000)).toBeLessThanOrEqual(6_101);
  pass(36_000_000);
  pass(1);
  expect(Math.abs(now() - wall())).toBeLessThanOrEqual(1);
});

test("it never goes back, and runs at nine to eleven tenths of the speed", () => {
  const step = fc.record({ passMs: fc.nat(60_000), setMs: fc.integer({ min: -1e9, max: 1e9 }) });
  fc.assert(fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
    const { now, pass, set } = machine();
    for (const { passMs, setMs } of steps) {
      const before = now();
      set(setMs);
      const gained = pass(passMs) - before;
      expect(gained).toBeGreaterThanOrEqual(Math.floor(0.9 * passMs) - 1);
      expect(gained).toBeLessThanOrEqual(Math.ceil(1.1 * passMs) + 1);
    }
  }));
});
