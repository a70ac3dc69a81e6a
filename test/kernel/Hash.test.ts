import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Hash from "../../src/kernel/Hash.ts";

/** Where actors live is in every journal: these can never change. */
test.each([
  ["tenant/demo", 64, 59],
  ["user/demo/1001", 64, 33],
  ["user/demo/1002", 64, 25],
  ["call/aaaaaaaaaaaaaaaa", 64, 45],
  ["call/aaaaaaaaaaaaaaaa", 256, 45],
])("%s of a cell of %i lives in shard %i", (actor, shards, shard) => {
  expect(Hash.shardOf(actor, shards)).toBe(shard);
});

describe("placement", () => {
  test("is a shard of the cell, the same each time", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 256 }), (name, shards) => {
        const shard = Hash.shardOf(`user/demo/${name}`, shards);
        expect(Number.isInteger(shard) && shard >= 0 && shard < shards).toBe(true);
        expect(Hash.shardOf(`user/demo/${name}`, shards)).toBe(shard);
      }),
    );
  });

  test.each(["user/demo/", "call/aaaaaaaaaaaa", "tenant/t"])(
    "of names under %s is even",
    (prefix) => {
      const counts = new Array<number>(64).fill(0);
      for (let n = 0; n < 64_000; n++) counts[Hash.shardOf(`${prefix}${1_000 + n}`, 64)]! += 1;
      // 1,000 each; five standard deviations.
      for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(160);
    },
  );
});

test("names of 64 bits do not meet, also where texts are alike", () => {
  const names = new Set<string>();
  for (let n = 0; n < 100_000; n++) names.add(Hash.name64(`z9hG4bK${n} 127.0.0.1:5060 INVITE`));
  expect(names.size).toBe(100_000);
  expect(Hash.name64("ab")).not.toBe(Hash.name64("ba"));
  expect(Hash.name64("")).toMatch(/^[0-9a-z]{8,14}$/);
});

test("the keyed hash is SHA-256 over key and data", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.uint8Array(), (key, data) => {
      const expected = createHash("sha256").update(key).update(data).digest();
      expect(Hash.keyed(key, data)).toEqual(new Uint8Array(expected));
    }),
  );
});

test("octets are the same when each is", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
      expect(Hash.sameOctets(a, b)).toBe(a.join() === b.join());
      expect(Hash.sameOctets(a, a.slice())).toBe(true);
    }),
  );
  expect(Hash.sameOctets(new Uint8Array([1, 2]), new Uint8Array([1, 3]))).toBe(false);
  expect(Hash.sameOctets(new Uint8Array(2), new Uint8Array(3))).toBe(false);
});
