import fc from "fast-check";
import { expect, test } from "vitest";
import * as Admission from "../../src/edge/Admission.ts";

const rate = { perSecond: 10, burst: 20 };

const admitted = (gate: Admission.Admission, source: string, times: ReadonlyArray<number>) =>
  times.filter((at) => gate.admit(source, at)).length;

const arrivals = fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 300 })
  .map((gaps) => gaps.map((_, n) => gaps.slice(0, n + 1).reduce((sum, gap) => sum + gap, 0)));

test("in any time no more pass than the burst and what the rate gives meanwhile", () => {
  fc.assert(
    fc.property(arrivals, (times) => {
      const gate = Admission.make(rate);
      const passed = times.filter((at) => gate.admit("192.0.2.1", at));
      for (const [first, from] of passed.entries()) {
        for (const [last, to] of passed.entries()) {
          if (last < first) continue;
          const most = rate.burst + (to - from) * rate.perSecond / 1_000;
          expect(last - first + 1).toBeLessThanOrEqual(Math.ceil(most + 1e-6));
        }
      }
    }),
    { numRuns: 30 },
  );
});

test("whoever stays under the rate is never refused", () => {
  const gate = Admission.make(rate);
  const times = Array.from({ length: 1_000 }, (_, n) => n * 100);
  expect(admitted(gate, "192.0.2.1", times)).toBe(1_000);
});

test("sources do not share their tokens", () => {
  const gate = Admission.make(rate);
  const flood = Array.from({ length: 1_000 }, () => 0);
  expect(admitted(gate, "192.0.2.1", flood)).toBe(rate.burst);
  expect(admitted(gate, "192.0.2.2", flood)).toBe(rate.burst);
});

test("the addresses of one IPv6 network are one source, those of two are not", () => {
  const gate = Admission.make(rate);
  const from = (network: string) =>
    Array.from({ length: 1_000 }, (_, n) => `${network}:${n.toString(16)}::1`)
      .filter((ip) => gate.admit(ip, 0)).length;
  expect(from("2001:db8:1:2")).toBe(rate.burst);
  expect(from("2001:db8:1:3")).toBe(rate.burst);
});

test.for(
  [
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:DB8:0:0:1:2:3:4", "2001:db8:0:0::/64"],
    ["2001:db8:1:2:3::", "2001:db8:1:2::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
    ["192.0.2.1", "192.0.2.1"],
  ] as const,
)("%s counts as %s", ([ip, network]) => {
  expect(Admission.networkOf(ip)).toBe(network);
});

test("the table is bounded: whoever was heard longest ago makes room", () => {
  const gate = Admission.make({ perSecond: 0, burst: 1 }, 100);
  const [busy, quiet] = ["192.0.2.1", "192.0.2.2"];
  expect([gate.admit(busy, 0), gate.admit(quiet, 0)]).toEqual([true, true]);
  for (let n = 1; n < 1_000; n++) {
    expect(gate.admit(`10.0.${n >> 8}.${n & 255}`, n)).toBe(true);
    // It goes on all the time, and so stays known with its empty bucket.
    if (n % 50 === 0) expect(gate.admit(busy, n)).toBe(false);
    expect(gate.size()).toBeLessThanOrEqual(100);
  }
  expect(gate.admit(quiet, 1_000)).toBe(true);
});

test("a clock that is set back stops no tokens", () => {
  const gate = Admission.make(rate);
  expect(admitted(gate, "192.0.2.1", Array.from({ length: 50 }, () => 1_000_000))).toBe(20);
  expect(gate.admit("192.0.2.1", 0)).toBe(false);
  expect(gate.admit("192.0.2.1", 200)).toBe(true);
});
