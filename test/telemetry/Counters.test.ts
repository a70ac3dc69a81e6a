import { expect, test } from "vitest";
import * as Counters from "../../src/telemetry/Counters.ts";

test("a name and its labels are one counter, in whatever order they are given", () => {
  const counters = Counters.make();
  const first = counters.counter("drops_total", { kind: "rtp", reason: "size" });
  first.value++;
  counters.counter("drops_total", { reason: "size", kind: "rtp" }).value++;
  counters.counter("drops_total", { kind: "rtcp", reason: "size" }).value++;
  counters.counter("drops_total").value++;
  expect(counters.snapshot()).toEqual([
    { name: "drops_total", labels: { kind: "rtcp", reason: "size" }, value: 1 },
    { name: "drops_total", labels: { kind: "rtp", reason: "size" }, value: 2 },
    { name: "drops_total", labels: {}, value: 1 },
  ]);
});

test("labels that could be read as others are not", () => {
  const counters = Counters.make();
  counters.counter("n", { a: "b\nc\nd" }).value++;
  counters.counter("n", { a: "b", c: "d" }).value++;
  expect(counters.snapshot().map(({ value }) => value)).toEqual([1, 1]);
});

test("a snapshot does not move, and is sorted", () => {
  const counters = Counters.make();
  for (const name of ["b_total", "a_total", "c_total"]) counters.counter(name).value++;
  const before = counters.snapshot();
  counters.counter("a_total").value++;
  expect(before.map(({ name, value }) => `${name} ${value}`)).toEqual([
    "a_total 1",
    "b_total 1",
    "c_total 1",
  ]);
});

test("there are never more than the bound; what finds no room is counted together", () => {
  const counters = Counters.make(3);
  for (let n = 0; n < 1_000; n++) counters.counter("n_total", { peer: `${n}` }).value++;
  counters.counter("n_total", { peer: "0" }).value++;
  const rows = counters.snapshot();
  expect(rows).toHaveLength(4);
  expect(rows.at(-1)).toEqual({ name: Counters.overflow, labels: {}, value: 997 });
  expect(rows[0]).toEqual({ name: "n_total", labels: { peer: "0" }, value: 2 });
});
