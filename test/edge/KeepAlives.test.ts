import { beforeEach, expect, test } from "vitest";
import * as KeepAlives from "../../src/edge/KeepAlives.ts";
import * as TimerWheel from "../../src/edge/TimerWheel.ts";
import * as Counters from "../../src/telemetry/Counters.ts";
import * as World from "./World.ts";

const one = { ip: "192.0.2.9", port: 5_060 };
const two = { ip: "192.0.2.9", port: 5_061 };

let world: World.World;
let counters: Counters.Counters;
let wheel: TimerWheel.TimerWheel;
let keepAlives: KeepAlives.KeepAlives;
let sent: Array<string>;

beforeEach(() => {
  world = World.make();
  counters = Counters.make();
  wheel = TimerWheel.make(world);
  sent = [];
  keepAlives = KeepAlives.make({
    wheel,
    now: world.now,
    everyMs: 25_000,
    send: ({ port }, text) => sent.push(`${port} ${JSON.stringify(text)}`),
    counters,
  });
});

test("line ends go to the phone as long as its registration lasts, then nothing is left", () => {
  keepAlives.keep(one, world.now() + 120_000);
  world.pass(121_000);
  expect(sent).toEqual(Array.from({ length: 4 }, () => '5060 "\\r\\n\\r\\n"'));
  expect(counters.counter("edge_keepalives_sent_total").value).toBe(4);
  world.pass(100_000);
  expect([sent.length, keepAlives.count(), wheel.size()]).toEqual([4, 0, 0]);
});

test("a refresh lengthens it and makes no second stream", () => {
  for (let n = 0; n < 10; n++) {
    keepAlives.keep(one, world.now() + 120_000);
    world.pass(60_000);
  }
  expect(keepAlives.count()).toBe(1);
  expect(wheel.size()).toBe(1);
  expect(sent.length).toBeGreaterThanOrEqual(23);
  expect(sent.length).toBeLessThanOrEqual(24);
});

test("phones behind one address have a stream each", () => {
  keepAlives.keep(one, world.now() + 30_000);
  keepAlives.keep(two, world.now() + 30_000);
  world.pass(60_000);
  expect(sent.map((line) => line.slice(0, 4)).sort()).toEqual(["5060", "5061"]);
});

test("it ends with the registration", () => {
  keepAlives.keep(one, world.now() + 120_000);
  world.pass(30_000);
  keepAlives.keep(one, 0);
  world.pass(200_000);
  expect([sent.length, keepAlives.count(), wheel.size()]).toEqual([1, 0, 0]);
  keepAlives.keep(two, 0);
  expect(keepAlives.count()).toBe(0);
});
