import { expect, test } from "vitest";
import type { Closing } from "../../src/edge/Connections.ts";
import * as TimerWheel from "../../src/edge/TimerWheel.ts";
import * as Watch from "../../src/edge/Watch.ts";
import * as World from "./World.ts";

const limits = {
  firstMs: 1_000,
  messageMs: 500,
  idleMs: 5_000,
  checkMs: 100,
  unread: 0,
};

const watched = () => {
  const world = World.make();
  const wheel = TimerWheel.make(world);
  const reasons: Array<Closing> = [];
  const watch = Watch.make(
    { limits, now: world.now, wheel },
    limits.firstMs,
    (reason) => reasons.push(reason),
  );
  return { world, wheel, watch, reasons };
};

test("a peer that says nothing at all is let go", () => {
  const { reasons, world } = watched();
  world.pass(limits.firstMs);
  expect(reasons).toEqual([]);
  world.pass(200);
  expect(reasons).toEqual(["silent"]);
});

test("octets that never become a message do not count as one", () => {
  const { reasons, watch, world } = watched();
  for (let n = 0; n < 10; n++) {
    watch.heard(0, false);
    world.pass(150);
  }
  expect(reasons).toEqual(["silent"]);
});

test("a message that begins and does not end is let go, however often a piece of it comes", () => {
  const { reasons, watch, world } = watched();
  watch.heard(1, false);
  for (let n = 0; n < 8; n++) {
    watch.heard(0, true);
    world.pass(100);
  }
  expect(reasons).toEqual(["slow"]);
});

test("messages in a row, cut anywhere, are no slow message", () => {
  const { reasons, watch, world } = watched();
  // Each chunk ends one message and begins the next.
  for (let n = 0; n < 100; n++) {
    watch.heard(1, true);
    world.pass(200);
  }
  expect(reasons).toEqual([]);
});

test("a peer without message or keep-alive is let go after the idle time", () => {
  const { reasons, watch, world } = watched();
  watch.heard(1, false);
  world.pass(limits.idleMs - 100);
  watch.heard(1, false);
  world.pass(limits.idleMs - 100);
  expect(reasons).toEqual([]);
  world.pass(400);
  expect(reasons).toEqual(["idle"]);
});

test("once it is stopped, or has spoken, nothing runs any more", () => {
  const { reasons, watch, wheel, world } = watched();
  watch.stop();
  expect(wheel.size()).toBe(0);
  world.pass(100_000);
  expect(reasons).toEqual([]);
  const other = watched();
  other.world.pass(100_000);
  expect(other.reasons).toEqual(["silent"]);
  expect(other.wheel.size()).toBe(0);
});
