import { Buffer } from "node:buffer";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Nonce from "../../src/host/Nonce.ts";

const key = new Uint8Array(32).fill(9);
const salt = new Uint8Array(6).fill(1);
const binding: Nonce.Binding = { realm: "demo.test", shard: 17, epoch: 3 };
const at = 1_795_000_000_000;
const nonce = Nonce.mint(key, binding, at, salt);

describe("a nonce", () => {
  test("is fresh for its life and stale after it, whenever it was minted", () => {
    const when = fc.integer({ min: 0, max: 2 ** 47 });
    const age = fc.integer({ min: 0, max: 2 * Nonce.nonceLifeMs });
    fc.assert(
      fc.property(when, age, fc.nat({ max: 2 ** 32 - 1 }), (minted, age, epoch) => {
        const own = { ...binding, epoch };
        const verdict = Nonce.verify(key, own, minted + age, Nonce.mint(key, own, minted, salt));
        expect(verdict).toBe(age <= Nonce.nonceLifeMs ? "fresh" : "stale");
      }),
      { numRuns: 1_000 },
    );
  });

  test("is stale for another owner of the shard, older or newer: counts were in its memory", () => {
    for (const epoch of [2, 4, 1_000]) {
      expect(Nonce.verify(key, { ...binding, epoch }, at, nonce)).toBe("stale");
    }
  });

  test("is stale for another shard: where From and the digest name two users, or a trunk", () => {
    for (const shard of [0, 18, 255]) {
      expect(Nonce.verify(key, { ...binding, shard }, at, nonce)).toBe("stale");
    }
  });

  test.each<[string, Uint8Array, Nonce.Binding]>([
    ["another key", new Uint8Array(32).fill(8), binding],
    ["another realm", key, { ...binding, realm: "other.test" }],
    ["a realm that reads alike", key, { ...binding, realm: "demo.test\n" }],
  ])("of %s is forged", (_what, key, binding) => {
    expect(Nonce.verify(key, binding, at, nonce)).toBe("forged");
  });

  test("changed in any bit is forged", () => {
    const octets = Buffer.from(nonce, "base64url");
    fc.assert(
      fc.property(fc.nat({ max: octets.length - 1 }), fc.nat({ max: 7 }), (place, bit) => {
        const changed = Uint8Array.from(octets);
        changed[place]! ^= 1 << bit;
        const text = Buffer.from(changed).toString("base64url");
        expect(Nonce.verify(key, binding, at, text)).toBe("forged");
      }),
    );
  });

  test("that is anything else is forged", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (text) => {
        expect(Nonce.verify(key, binding, at, text)).toBe("forged");
      }),
    );
    for (const text of ["", nonce.slice(1), `${nonce}AAAA`]) {
      expect(Nonce.verify(key, binding, at, text)).toBe("forged");
    }
  });

  test("is another one with another salt, and fits a header", () => {
    expect(Nonce.mint(key, binding, at, salt.map(() => 2))).not.toBe(nonce);
    expect(nonce).toMatch(/^[A-Za-z0-9_-]{39}$/);
  });
});

describe("nonce counts", () => {
  const hex = (count: number): string => count.toString(16).padStart(8, "0");

  test("each is good once, in any order within the window", () => {
    const order = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(order, (order) => {
        const counts = Nonce.counts();
        let highest = 0;
        for (const count of order) {
          const known = highest - count < 31;
          expect(counts.use(nonce, hex(count), at)).toBe(known);
          highest = Math.max(highest, count);
        }
        for (const count of order) expect(counts.use(nonce, hex(count), at)).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  test("a random stream never lets one through twice", () => {
    const stream = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 100 });
    fc.assert(
      fc.property(stream, (stream) => {
        const counts = Nonce.counts();
        const good = stream.filter((count) => counts.use(nonce, hex(count), at));
        expect(good).toEqual([...new Set(good)]);
        expect(good).not.toContain(0);
      }),
      { numRuns: 1_000 },
    );
  });

  test("a great leap forward forgets nothing that came before it", () => {
    const counts = Nonce.counts();
    expect(counts.use(nonce, hex(1), at)).toBe(true);
    expect(counts.use(nonce, "ffffffff", at)).toBe(true);
    expect(counts.use(nonce, "ffffffff", at)).toBe(false);
    expect(counts.use(nonce, hex(1), at)).toBe(false);
    expect(counts.use(nonce, "fffffffe", at)).toBe(true);
  });

  test.each(["", "1", "0000000g", "000000001", "-0000001", "0x000001", "00000000"])(
    "%s is no count",
    (nc) => {
      expect(Nonce.counts().use(nonce, nc, at)).toBe(false);
    },
  );

  test("are kept apart for each nonce", () => {
    const counts = Nonce.counts();
    expect(counts.use("a", hex(1), at)).toBe(true);
    expect(counts.use("b", hex(1), at)).toBe(true);
    expect(counts.use("a", hex(1), at)).toBe(false);
  });

  test("are remembered for as long as their nonce is fresh", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: Nonce.nonceLifeMs }), { maxLength: 8 }),
        fc.nat({ max: Nonce.nonceLifeMs }),
        (others, first) => {
          const counts = Nonce.counts();
          const uses = others.map((delay) => ({ nonce: `n${delay}`, at: at + delay }));
          uses.push({ nonce, at: at + first }, { nonce: "last", at: at + Nonce.nonceLifeMs });
          uses.sort((one, other) => one.at - other.at);
          for (const use of uses) counts.use(use.nonce, hex(1), use.at);
          expect(counts.use(nonce, hex(1), at + Nonce.nonceLifeMs)).toBe(false);
        },
      ),
    );
  });
});
