/** Counters: one for each name and labels. */
import { expect, test } from "vitest";
import * as Counters from "../../src/telemetry/Counters.ts";

test("a counter is the same one each time that it is asked for", () => {
  const counters = Counters.make();
  const dropped = counters.counter("dropped_total", { kind: "rtp", reason: "ssrc" });
  dropped.value += 2;
  counters.counter("dropped_total", { reason: "ssrc", kind: "rtp" }).value++;
  expect(dropped.value).toBe(3);
  expect(counters.snapshot()).toEqual([
    { name: "dropped_total", labels: { kind: "rtp", reason: "ssrc" }, value: 3 },
  ]);
});

test("other labels are another counter, none are one too", () => {
  const counters = Counters.make();
  counters.counter("b", { x: "1" }).value = 1;
  counters.counter("b", { x: "2" }).value = 2;
  counters.counter("b").value = 3;
  counters.counter("a", { x: '1","y":"' }).value = 4;
  expect(counters.snapshot().map(({ name, value }) => [name, value])).toEqual([
    ...[["a", 4], ["b", 1], ["b", 2], ["b", 3]],
  ]);
});

test("a snapshot stands still, and the counters of two roles have nothing in common", () => {
  const [one, other] = [Counters.make(), Counters.make()];
  const labels: Record<string, string> = { reason: "rate" };
  const counter = one.counter("refused_total", labels);
  labels["reason"] = "changed";
  const before = one.snapshot();
  counter.value++;
  expect(before).toEqual([{ name: "refused_total", labels: { reason: "rate" }, value: 0 }]);
  expect(one.counter("refused_total", { reason: "rate" })).toBe(counter);
  expect(other.snapshot()).toEqual([]);
});
