/** The heap of deadlines. */
import fc from "fast-check";
import { expect, test } from "vitest";
import * as Deadlines from "../../src/actor/Deadlines.ts";

test("what is due fires once, earliest first", () => {
  const deadlines = Deadlines.make();
  const fired: Array<number> = [];
  for (const at of [50, 10, 40, 10, 30]) deadlines.add(at, () => fired.push(at));
  expect(deadlines.next()).toBe(10);
  deadlines.fireDue(9);
  expect(fired).toEqual([]);
  deadlines.fireDue(40);
  expect(fired).toEqual([10, 10, 30, 40]);
  deadlines.fireDue(40);
  expect([deadlines.next(), deadlines.size()]).toEqual([50, 1]);
});

test("one that fires may remove others and add more, even such as are due", () => {
  const deadlines = Deadlines.make();
  const fired: Array<string> = [];
  const doomed = deadlines.add(20, () => fired.push("doomed"));
  deadlines.add(10, () => {
    fired.push("first");
    deadlines.remove(doomed);
    deadlines.add(5, () => fired.push("late"));
    deadlines.add(99, () => fired.push("far"));
  });
  deadlines.fireDue(30);
  expect(fired).toEqual(["first", "late"]);
  expect(deadlines.next()).toBe(99);
});

test("what was removed or has fired is gone, and removing it again is harmless", () => {
  const deadlines = Deadlines.make();
  const fired: Array<number> = [];
  const [a, b] = [1, 2].map((at) => deadlines.add(at, () => fired.push(at)));
  deadlines.remove(a!);
  deadlines.remove(a!);
  deadlines.fireDue(5);
  deadlines.remove(b!);
  expect([fired, deadlines.size(), deadlines.next()]).toEqual([[2], 0, undefined]);
});

type Move =
  | { readonly kind: "add"; readonly at: number }
  | { readonly kind: "remove"; readonly which: number }
  | { readonly kind: "fire"; readonly now: number };

const time = fc.integer({ min: 0, max: 50 });
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("add" as const), at: time }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("fire" as const), now: time }) },
);

test("many come and go, and it stays what a sorted list would be", () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 200, size: "max" }), (moves) => {
      const deadlines = Deadlines.make();
      const live = new Map<Deadlines.Entry, number>();
      const all: Array<Deadlines.Entry> = [];
      for (const one of moves) {
        if (one.kind === "add") {
          const entry = deadlines.add(one.at, () => live.delete(entry));
          live.set(entry, one.at);
          all.push(entry);
        } else if (one.kind === "remove") {
          const entry = all[one.which % all.length];
          if (entry !== undefined) {
            deadlines.remove(entry);
            live.delete(entry);
          }
        } else {
          deadlines.fireDue(one.now);
          expect([...live.values()].filter((at) => at <= one.now)).toEqual([]);
        }
        expect(deadlines.size()).toBe(live.size);
        const earliest = live.size === 0 ? undefined : Math.min(...live.values());
        expect(deadlines.next()).toBe(earliest);
      }
    }),
  );
});
