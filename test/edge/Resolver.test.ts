import { beforeEach, expect, test } from "vitest";
import * as Resolver from "../../src/edge/Resolver.ts";
import * as TimerWheel from "../../src/edge/TimerWheel.ts";
import * as World from "./World.ts";

let world: World.World;
let wheel: TimerWheel.TimerWheel;
let asked: Array<{ readonly host: string; readonly found: Parameters<Resolver.Lookup>[1] }>;
let resolve: Resolver.Resolve;
let answers: Array<string | undefined>;
const take = (ip: string | undefined) => void answers.push(ip);

beforeEach(() => {
  world = World.make();
  wheel = TimerWheel.make(world);
  asked = [];
  answers = [];
  resolve = Resolver.make(wheel, (host, found) => asked.push({ host, found }));
});

test.for(["192.0.2.1", "2001:db8::1"])("%s is an address itself", (host) => {
  resolve(host, take);
  expect([asked.length, ...answers]).toEqual([0, host]);
});

test("a name is looked up; what fails is none", () => {
  resolve("a.test", take);
  resolve("b.test", take);
  asked[0]?.found(null, "192.0.2.1");
  asked[1]?.found(new Error("ENOTFOUND"), undefined);
  expect(answers).toEqual(["192.0.2.1", undefined]);
  expect(wheel.size()).toBe(0);
});

test("nobody waits for a resolver for more than four seconds, and a late answer is none", () => {
  resolve("slow.test", take);
  world.pass(4_100);
  expect(answers).toEqual([undefined]);
  asked[0]?.found(null, "192.0.2.1");
  expect(answers).toEqual([undefined]);
});

test("of names that nobody answers no more than 1,000 are asked for at once", () => {
  for (let n = 0; n < 1_500; n++) resolve(`host${n}.test`, take);
  expect(asked).toHaveLength(1_000);
  expect(answers).toHaveLength(500);
  asked[0]?.found(null, "192.0.2.1");
  resolve("next.test", take);
  expect(asked).toHaveLength(1_001);
});
