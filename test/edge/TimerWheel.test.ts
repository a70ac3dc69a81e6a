import fc from "fast-check";
import { expect, test } from "vitest";
import * as TimerWheel from "../../src/edge/TimerWheel.ts";
import * as World from "./World.ts";

/** A tick, and the part of one before it. */
const slackMs = 40;

const delays = fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 50 });

test("no timer fires early, none late, each once", () => {
  fc.assert(fc.property(delays, fc.integer({ min: 0, max: 30_000 }), (all, start) => {
    const world = World.make(start);
    const wheel = TimerWheel.make(world);
    const fired: Array<number> = [];
    for (const delay of all) {
      wheel.start(delay, () => {
        const late = world.now() - start - delay;
        expect(late).toBeGreaterThanOrEqual(0);
        expect(late).toBeLessThanOrEqual(slackMs);
        fired.push(delay);
      });
    }
    world.pass(100_000 + slackMs);
    expect(fired.sort((a, b) => a - b)).toEqual([...all].sort((a, b) => a - b));
    expect([wheel.size(), world.scheduled()]).toEqual([0, 0]);
  }));
});

test("what is stopped does not fire, and stopping it again is harmless", () => {
  fc.assert(fc.property(delays, fc.infiniteStream(fc.boolean()), (all, choices) => {
    const world = World.make();
    const wheel = TimerWheel.make(world);
    const fired = new Set<number>();
    const kept = new Set<number>();
    all.forEach((delay, index) => {
      const timer = wheel.start(delay, () => fired.add(index));
      if (choices.next().value === true) {
        wheel.stop(timer);
        wheel.stop(timer);
      } else kept.add(index);
    });
    expect(wheel.size()).toBe(kept.size);
    world.pass(200_000);
    expect(fired).toEqual(kept);
  }));
});

test("a timer that is started by a timer has its whole time", () => {
  const world = World.make();
  const wheel = TimerWheel.make(world);
  const gaps: Array<number> = [];
  let last = world.now();
  const again = (): void => {
    gaps.push(world.now() - last);
    last = world.now();
    if (gaps.length < 50) wheel.start(500, again);
  };
  wheel.start(500, again);
  world.pass(60_000);
  expect(gaps).toHaveLength(50);
  for (const gap of gaps) {
    expect(gap).toBeGreaterThanOrEqual(500);
    expect(gap).toBeLessThanOrEqual(500 + slackMs);
  }
});

test("after a pause of the process all that is due fires at once, the rest in its time", () => {
  const world = World.make();
  const wheel = TimerWheel.make(world);
  const fired: Array<number> = [];
  for (const delay of [100, 5_000, 30_000, 70_000]) wheel.start(delay, () => fired.push(delay));
  world.set(world.now() + 60_000);
  world.pass(slackMs);
  expect(fired.toSorted((a, b) => a - b)).toEqual([100, 5_000, 30_000]);
  world.pass(10_000);
  expect(fired).toHaveLength(4);
});

test("a clock that is set back delays no timer", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 10_000_000 }), (back) => {
    const world = World.make();
    const wheel = TimerWheel.make(world);
    const fired: Array<string> = [];
    wheel.start(1_000, () => fired.push("before"));
    world.pass(500);
    world.set(world.now() - back);
    wheel.start(1_000, () => fired.push("after"));
    world.pass(500 + slackMs);
    expect(fired).toEqual(["before"]);
    world.pass(500 + slackMs);
    expect(fired).toEqual(["before", "after"]);
  }));
});

test("a timer that throws is reported, the others run on", () => {
  const world = World.make();
  const failures: Array<unknown> = [];
  const wheel = TimerWheel.make(world, (cause) => failures.push(cause));
  let fired = 0;
  wheel.start(100, () => {
    throw new Error("defect");
  });
  wheel.start(100, () => fired++);
  wheel.start(5_000, () => fired++);
  world.pass(6_000);
  expect(fired).toBe(2);
  expect(failures).toHaveLength(1);
});

test("nothing ticks while there is nothing to time", () => {
  const world = World.make();
  const wheel = TimerWheel.make(world);
  expect(world.scheduled()).toBe(0);
  wheel.stop(wheel.start(1_000, () => {}));
  world.pass(slackMs);
  expect(world.scheduled()).toBe(0);
});
